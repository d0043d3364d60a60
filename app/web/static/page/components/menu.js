// A menu next to its button. Arrow keys move; Escape or a click outside closes it and returns the focus.

import { h } from "../lib/dom.js";
import { icon } from "./icons.js";

// Screen readers skip what is outside of all landmarks.
const LANDMARKS = "main, nav, aside, dialog";

let open = null;

/**
 * @param {HTMLElement} anchor
 * @param {({label: string, icon: any, act: () => void, danger?: boolean} | false | null)[]} items
 * @param {Node} [above] shown above the items, for example a row of reactions
 */
export function openMenu(anchor, items, above) {
  open?.close();
  const menu = h("div.menu", { role: "menu", onkeydown: onKey });
  const entries = items.flatMap((item) => (item ? [entry(item, () => close(false))] : []));
  menu.append(...(above ? [above] : []), ...entries);
  (anchor.closest(LANDMARKS) ?? document.body).append(menu);
  place(menu, anchor.getBoundingClientRect());
  const expand = (on) => anchor.matches("button") && anchor.setAttribute("aria-expanded", on); // a bubble on a phone is none
  expand(true);
  document.addEventListener("pointerdown", onOutside, true);
  (menu.querySelector("button") ?? menu).focus();
  const end = () => close(false);
  open = { close: end };

  function close(back = true) {
    if (open?.close !== end) return;
    menu.remove();
    expand(false);
    document.removeEventListener("pointerdown", onOutside, true);
    open = null;
    if (back) anchor.focus();
  }
  function onOutside(event) {
    if (!menu.contains(event.target)) close(false);
  }
  function onKey(event) {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"].includes(event.key)) {
      event.preventDefault();
      step(menu, event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1);
    }
  }
  return close;
}

/** @param {{label: string, icon: any, act: () => void, danger?: boolean}} item @param {() => void} close */
function entry({ label, icon: name, act, danger }, close) {
  const chosen = () => {
    close();
    act();
  };
  const kind = danger ? "button.entry.danger" : "button.entry";
  return h(kind, { type: "button", role: "menuitem", onclick: chosen }, icon(name), label);
}

function step(menu, by) {
  const buttons = [...menu.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  buttons[(at + by + buttons.length) % buttons.length].focus();
}

/** Places the menu below the anchor, or above it if there is no room; always inside the window. */
function place(menu, at) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + 4 + height < innerHeight;
  const top = below ? at.bottom + 4 : Math.max(8, at.top - height - 4);
  const left = Math.min(Math.max(8, at.right - width), innerWidth - width - 8);
  menu.style.setProperty("top", `${top}px`);
  menu.style.setProperty("left", `${Math.max(8, left)}px`);
}
