// Chooses an emoji: by search, by group, or among the last ones. The arrow keys move between them.

import { openDialog } from "../components/dialog.js";
import { backwardKey, forwardKey } from "../lib/keys.js";
import { fill, h } from "/client/ui/dom.js";
import { isComposing } from "/client/ui/input_method.js";
import { plural, t } from "/client/ui/language.js";
import { chooseTone, emojiChoices, noteEmoji } from "./choices.js";
import { GROUPS, findEmoji, loadNames, toned } from "./find.js";

const TONES = ["", "\u{1f3fb}", "\u{1f3fc}", "\u{1f3fd}", "\u{1f3fe}", "\u{1f3ff}"];

const groupNames = () => ({
  "Smileys and emotion": t("Smileys and emotion"), "People and body": t("People and body"), "Animals and nature": t("Animals and nature"),
  "Food and drink": t("Food and drink"), "Travel and places": t("Travel and places"), Activities: t("Activities"),
  Objects: t("Objects"), Symbols: t("Symbols"), Flags: t("Flags"),
});
const toneNames = () => [t("No skin tone"), t("Light skin tone"), t("Medium-light skin tone"), t("Medium skin tone"), t("Medium-dark skin tone"), t("Dark skin tone")];

/** Resolves with the chosen emoji, or undefined. @param {string} title @returns {Promise<string | undefined>} */
export async function openPicker(title) {
  await loadNames();
  return openDialog(title, (close) => new Picker((emoji) => {
    noteEmoji(emoji);
    close(emoji);
  }).element);
}

class Picker {
  #pick;
  #tone = emojiChoices().tone;
  #search;
  #found = h("p.unseen", { role: "status" });
  #shown = h("div.emoji-groups", { onkeydown: (event) => this.#onKey(event) });
  #jump = h("div.emoji-jump", { role: "group", "aria-label": t("Groups") });

  constructor(pick) {
    this.#pick = pick;
    this.#search = h("input", {
      type: "search", placeholder: t("Search emoji"), "aria-label": t("Search emoji"), autofocus: "", autocomplete: "off",
      oninput: () => this.#show(), onkeydown: (event) => this.#onSearchKey(event),
    });
    this.element = h("div.emoji-picker", null, h("div.field", null, this.#search), this.#jump, this.#shown, this.#tones(), this.#found);
    this.#show();
  }

  #show() {
    const query = this.#search.value.trim();
    if (query) this.#showFound(findEmoji(query));
    else this.#showGroups();
    this.#buttons[0]?.setAttribute("tabindex", "0");
  }

  #showFound(found) {
    this.#found.textContent = plural(found.length, "{count} emoji", "{count} emoji");
    fill(this.#jump);
    fill(this.#shown, found.length ? this.#grid(found) : h("p.note", null, t("No emoji has that name.")));
  }

  #showGroups() {
    this.#found.textContent = "";
    const names = groupNames();
    const { recent } = emojiChoices();
    const last = recent.length ? [this.#section(t("Recently used"), recent.map((emoji) => ({ emoji, name: emoji, words: [], tones: 0 })))] : [];
    const groups = GROUPS.map(({ name, emoji }) => this.#section(names[name], emoji));
    fill(this.#shown, last, groups);
    fill(this.#jump, GROUPS.map(({ name, emoji: [first] }, index) =>
      h("button.emoji", { type: "button", "aria-label": names[name], title: names[name], onclick: () => groups[index].scrollIntoView() }, first.emoji)));
  }

  #section(name, list) {
    return h("section", null, h("h3", null, name), this.#grid(list));
  }

  #grid(list) {
    return h("div.emoji-grid", null, list.map((one) => {
      const emoji = toned(one, this.#tone);
      return h("button.emoji", { type: "button", tabindex: "-1", "aria-label": one.name, title: one.name, onclick: () => this.#pick(emoji) }, emoji);
    }));
  }

  #tones() {
    const names = toneNames();
    const one = (tone, index) => h("button.emoji", {
      type: "button", "aria-label": names[index], title: names[index], "aria-pressed": String(tone === this.#tone), onclick: () => this.#setTone(tone),
    }, `✋${tone}`);
    return h("div.emoji-tones", { role: "group", "aria-label": t("Skin tone") }, TONES.map(one));
  }

  #setTone(tone) {
    this.#tone = tone;
    chooseTone(tone);
    const bar = this.element.querySelector(".emoji-tones");
    [...bar.children].forEach((button, index) => button.setAttribute("aria-pressed", String(TONES[index] === tone)));
    this.#show();
  }

  /** @returns {HTMLElement[]} */
  get #buttons() {
    return [...this.#shown.querySelectorAll("button")];
  }

  /** Enter takes the first emoji that was found; the arrow down goes to it. */
  #onSearchKey(event) {
    if (isComposing(event)) return;
    const [first] = this.#buttons;
    if (event.key === "ArrowDown" && first) this.#focus(first);
    else if (event.key === "Enter" && this.#search.value.trim() && first) first.click();
    else return;
    event.preventDefault();
  }

  #onKey(event) {
    const buttons = this.#buttons;
    const at = buttons.indexOf(event.target);
    if (at < 0) return;
    const next = {
      [forwardKey()]: () => buttons[at + 1],
      [backwardKey()]: () => buttons[at - 1] ?? this.#search,
      ArrowDown: () => below(buttons, at, 1) ?? buttons[at],
      ArrowUp: () => below(buttons, at, -1) ?? this.#search,
      Home: () => buttons[0],
      End: () => buttons[buttons.length - 1],
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    this.#focus(next);
  }

  /** Only one emoji is a tab stop. */
  #focus(element) {
    this.#shown.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    if (element !== this.#search) element.setAttribute("tabindex", "0");
    element.focus();
  }
}

/** Returns the button in the next row (or, with -1, the row before) that is nearest. */
function below(buttons, at, step) {
  const here = buttons[at].getBoundingClientRect();
  let best;
  for (let index = at + step; index >= 0 && index < buttons.length; index += step) {
    const there = buttons[index].getBoundingClientRect();
    if (Math.abs(there.top - here.top) < 2) continue;
    if (best && Math.abs(there.top - best.top) > 2) break;
    const away = Math.abs(there.left - here.left);
    if (!best || away < best.away) best = { top: there.top, away, button: buttons[index] };
  }
  return best?.button;
}
