// Dialogs: the browser's own <dialog>, which traps the focus, closes on Escape and restores the focus.

import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { button, iconButton } from "/client/ui/button.js";

let count = 0;

/**
 * Opens a dialog. `build(close)` returns its content. Resolves with the value passed to `close`, or undefined if dismissed.
 * @param {string} title
 * @param {(close: (value?: any) => void) => any} build
 */
export function openDialog(title, build, { wide = false } = {}) {
  return new Promise((resolve) => {
    const label = `dialog-${(count += 1)}`;
    const dialog = h("dialog", { "aria-labelledby": label, class: wide ? "wide" : "" });
    let answer;
    const close = (value) => {
      answer = value;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && close());
    const head = h("header", null, h("h2", { id: label }, title), iconButton("close", t("Close"), () => close()));
    dialog.append(h("div.dialog", null, head, build(close)));
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[autofocus]")?.focus();
  });
}

/** Dismisses all dialogs. */
export function closeDialogs() {
  for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll("dialog[open]"))) dialog.close();
}

/** Asks for confirmation. Resolves to true or false. */
export async function confirmed(title, text, yes) {
  const answer = await openDialog(title, (close) => [
    h("p", null, text),
    h("div.actions", null, button(t("Cancel"), () => close(false)), button(yes, () => close(true), "danger")),
  ]);
  return answer === true;
}

/** Asks the user to choose. `choices`: [value, label][]. Resolves with the value, or undefined. */
export function choose(title, choices) {
  return openDialog(title, (close) =>
    h("div.choices", null, choices.map(([value, label]) => button(label, () => close(value)))),
  );
}
