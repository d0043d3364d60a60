// Names of keys, as in "Mod+Shift+F". Mod is Ctrl, or ⌘ on Apple's keyboards.

import { isRightToLeft } from "/client/ui/language.js";

export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

const SIGNS = { Mod: isApple ? "⌘" : "Ctrl", Alt: isApple ? "⌥" : "Alt", Shift: isApple ? "⇧" : "Shift", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page ↑", PageDown: "Page ↓" }; // not shown in words

/** Returns whether the event is this combination. On keyboards for other scripts, the place of the key decides which letter it is. @param {KeyboardEvent} event @param {string} keys */
export function pressed(event, keys) {
  const parts = keys.split("+").filter(Boolean);
  const key = keys.endsWith("++") || keys === "+" ? "+" : parts.pop() ?? "";
  const mod = isApple ? event.metaKey : event.ctrlKey;
  const other = isApple ? event.ctrlKey : event.metaKey;
  const held = mod === parts.includes("Mod") && event.altKey === parts.includes("Alt") && !other;
  const shifted = event.shiftKey === parts.includes("Shift");
  const letter = /^[a-z]$/iu.test(key);
  // Signs such as "?" need Shift on some keyboards.
  return held && isKey(event, key, letter) && (shifted || !(letter || key.length > 1));
}

function isKey(event, key, letter) {
  if (event.key.toLowerCase() === key.toLowerCase()) return true;
  return letter && !/^[a-z]$/iu.test(event.key) && event.code === `Key${key.toUpperCase()}`; // not shown
}

/** "Mod+ArrowUp" → ["Ctrl", "↑"] */
export function shown(keys) {
  const parts = keys === "+" ? ["+"] : keys.split("+");
  return parts.map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part));
}

/** Returns the combination for `aria-keyshortcuts`. */
export const ariaKeys = (keys) => keys.replace("Mod", isApple ? "Meta" : "Control");

/** The arrow that points to the next thing in a line, and the arrow that points back. */
export const forwardKey = () => (isRightToLeft() ? "ArrowLeft" : "ArrowRight");
export const backwardKey = () => (isRightToLeft() ? "ArrowRight" : "ArrowLeft");
