// A menu next to its button. Arrow keys move; Escape or a click outside closes it and returns the focus.

import { h } from "/client/ui/dom.js";
import { isRightToLeft } from "/client/ui/language.js";
import { ariaKeys, forwardKey, pressed, shown } from "../lib/keys.js";
import { icon } from "/client/ui/icons.js";

// Screen readers skip what is outside of all landmarks.
const LANDMARKS = "main, nav, aside, dialog"; // not shown

let open = null;

/**
 * An entry acts after the focus is back at the anchor, so a dialog that it opens also returns the focus there.
 * @param {HTMLElement} anchor
 * @param {({label: string, icon: any, act: () => void, danger?: boolean, key?: string} | false | null)[]} items
 * @param {Node} [above] shown above the items, for example a row of reactions
 */
export function openMenu(anchor, items, above) {
  open?.close();
  const row = anchor.closest("li[id]")?.id;
  const menu = h("div.menu", { role: "menu", onkeydown: onKey });
  const entries = items.flatMap((item) => (item ? [entry(item, () => close())] : []));
  menu.append(...(above ? [above] : []), ...entries);
  (anchor.closest(LANDMARKS) ?? document.body).append(menu);
  const placed = () => place(menu, anchor.getBoundingClientRect());
  placed();
  window.addEventListener("resize", placed); // the user may turn a phone
  const expand = (on) => anchor.matches("button") && anchor.setAttribute("aria-expanded", on); // on a phone, the anchor is a bubble
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
    window.removeEventListener("resize", placed);
    open = null;
    if (back) (anchor.isConnected ? anchor : document.getElementById(row))?.focus(); // a message that was drawn again
  }
  function onOutside(event) {
    if (!menu.contains(event.target)) close(false);
  }
  function onKey(event) {
    const chosen = entries.find(({ dataset: { key } }) => key && pressed(event, key));
    if (chosen) {
      event.preventDefault();
      return chosen.click();
    }
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"].includes(event.key)) {
      event.preventDefault();
      step(menu, ["ArrowDown", forwardKey()].includes(event.key) ? 1 : -1);
    }
  }
  return close;
}

/** @param {{label: string, icon: any, act: () => void, danger?: boolean, key?: string}} item @param {() => void} close */
function entry({ label, icon: name, act, danger, key }, close) {
  const chosen = () => {
    close();
    act();
  };
  const kind = danger ? "button.entry.danger" : "button.entry";
  const hint = key ? h("kbd", { "aria-hidden": "true" }, shown(key)) : null;
  return h(kind, { type: "button", role: "menuitem", onclick: chosen, "aria-keyshortcuts": key ? ariaKeys(key) : null, dataset: { key: key ?? "" } }, icon(name), h("span.grow", null, label), hint);
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
  const wanted = isRightToLeft() ? at.left : at.right - width;
  const left = Math.min(Math.max(8, wanted), innerWidth - width - 8);
  menu.style.setProperty("top", `${top}px`);
  menu.style.setProperty("left", `${Math.max(8, left)}px`);
}
