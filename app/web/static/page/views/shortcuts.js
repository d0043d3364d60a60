// The keyboard shortcuts of the whole page. The keys of a message are in its menu (message_actions.js).

import { later } from "../components/later.js";
import { pressed } from "../lib/keys.js";
import { t } from "/client/ui/language.js";

/**
 * In the order of the sheet. Shortcuts without Ctrl or Alt work outside of text fields only.
 * @returns {{ keys: string, words: string, act: (app: any) => void, hidden?: boolean }[]}
 */
export const shortcuts = () => [
  { keys: "Mod+K", words: t("Search conversations, people and messages"), act: (app) => app.focusSearch() },
  { keys: "Mod+Shift+F", words: t("Search in this conversation"), act: (app) => app.searchHere() },
  { keys: "Alt+ArrowDown", words: t("Next conversation"), act: (app) => app.step(1) },
  { keys: "Alt+ArrowUp", words: t("Previous conversation"), act: (app) => app.step(-1) },
  { keys: "Alt+Shift+ArrowDown", words: t("Next unread conversation"), act: (app) => app.step(1, true) },
  { keys: "Alt+Shift+ArrowUp", words: t("Previous unread conversation"), act: (app) => app.step(-1, true) },
  { keys: "Shift+PageUp", words: t("Jump to the first unread message"), act: (app) => app.view?.showUnread() },
  { keys: "Shift+PageDown", words: t("Jump to the newest message"), act: (app) => app.view?.show() },
  { keys: "Mod+I", words: t("Details of this conversation"), act: (app) => app.toggleDetails() },
  { keys: "Mod+,", words: t("Settings"), act: (app) => app.openSettings() },
  { keys: "Mod+/", words: t("This list"), act: () => openSheet() },
  { keys: "?", words: t("This list"), act: () => openSheet(), hidden: true },
];

/** Returns true if the key did something. @param {any} app @param {KeyboardEvent} event */
export function followShortcut(app, event) {
  if (document.querySelector("dialog[open]")) return false;
  const found = shortcuts().find(({ keys }) => pressed(event, keys));
  const target = /** @type {HTMLElement} */ (event.target);
  if (!found || (!/Mod|Alt|Page/u.test(found.keys) && target.matches("input, textarea, select"))) return false;
  event.preventDefault();
  found.act(app);
  return true;
}

export function openSheet() {
  return later(import("./shortcut_sheet.js"), ({ openShortcuts }) => openShortcuts());
}
