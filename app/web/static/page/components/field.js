import { h } from "/client/ui/dom.js";
import { limitLength } from "/client/ui/limit.js";
import { number, plural } from "/client/ui/language.js";

let count = 0;

/**
 * An input with a label. Returns {row, input, fail(text)}; `fail` shows an error and announces it to screen readers.
 * @param {string} label
 * @param {any} [given] attributes, and `limit`: the maximum number of characters (code points), or a function that returns it
 * @param {string} [hint]
 */
export function field(label, given = {}, hint = "") {
  const { limit, ...props } = given;
  const most = () => (typeof limit === "function" ? limit() : limit);
  const id = `field-${(count += 1)}`;
  const input = h(props.rows ? "textarea" : "input", { id, ...props });
  const note = h("p.note", { id: `${id}-note`, "aria-live": "polite" }, hint);
  input.setAttribute("aria-describedby", note.id);
  const row = h("div.field", null, h("label", { for: id }, label), input, note);
  const fail = (text) => {
    note.textContent = text || hint;
    row.classList.toggle("wrong", Boolean(text));
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  if (limit) limitLength(input, most, (cut) => void (note.textContent = cutWords(most(), cut)));
  return { row, input, fail };
}

/** The words after a text was cut to its limit. @param {number} limit @param {number} cut */
export const cutWords = (limit, cut) =>
  plural(cut, "Only {limit} characters fit. The last one was cut off.", "Only {limit} characters fit. The last {count} were cut off.", { limit: number(limit) });

/** A drop-down. `choices`: [value, label][]; `onchange` gets the value and the input. */
export function select(label, choices, value, onchange) {
  const id = `field-${(count += 1)}`;
  const options = choices.map(([key, text]) => h("option", { value: key, selected: key === value }, text));
  const input = h("select", { id, onchange: () => onchange(input.value, input) }, options);
  return h("div.field.inline", null, h("label", { for: id }, label), input);
}

/** A switch; `onchange` gets its state and the input. */
export function toggle(label, on, onchange) {
  const id = `field-${(count += 1)}`;
  const input = h("input", { id, type: "checkbox", role: "switch", checked: on, onchange: () => onchange(input.checked, input) });
  return h("div.field.inline", null, h("label", { for: id }, label), input);
}
