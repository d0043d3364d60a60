import { h } from "./dom.js";
import { icon } from "./icons.js";

/** A button that only shows an icon. Its label is for screen readers and for the tooltip. */
export function iconButton(name, label, onclick, props = {}) {
  const { class: more = "", ...rest } = props;
  const all = { type: "button", "aria-label": label, title: label, onclick, class: more, ...rest };
  return h("button.icon-button", all, icon(name));
}

/** `kind`: "primary", "plain" or "danger". */
export function button(label, onclick, kind = "plain", props = {}) {
  return h(`button.button.${kind}`, { type: "button", onclick, ...props }, label);
}

/** Disables the button while `act` runs. Returns its result, or undefined after passing its error to `onError`. */
export async function busy(element, act, onError) {
  if (element.disabled) return undefined;
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const focused = root.activeElement === element; // browsers take the focus from a disabled button
  element.disabled = true;
  try {
    return await act();
  } catch (error) {
    onError(error);
    return undefined;
  } finally {
    element.disabled = false;
    if (focused && (!root.activeElement || root.activeElement === document.body)) element.focus({ preventScroll: true });
  }
}
