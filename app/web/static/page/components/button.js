import { h } from "../lib/dom.js";
import { icon } from "./icons.js";

/** A button that shows a drawing alone; its name is told to whoever cannot see it, and shown on hover. */
export function iconButton(name, label, onclick, props = {}) {
  const { class: more = "", ...rest } = props;
  const all = { type: "button", "aria-label": label, title: label, onclick, class: more, ...rest };
  return h("button.icon-button", all, icon(name));
}

/** `kind`: "primary", "plain" or "danger". */
export function button(label, onclick, kind = "plain", props = {}) {
  return h(`button.button.${kind}`, { type: "button", onclick, ...props }, label);
}

/** While `act` runs the button is off; answers what `act` answers, or undefined where it failed (`onError` is told). */
export async function busy(element, act, onError) {
  if (element.disabled) return undefined;
  element.disabled = true;
  try {
    return await act();
  } catch (error) {
    onError(error);
    return undefined;
  } finally {
    element.disabled = false;
  }
}
