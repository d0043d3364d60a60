// Completes what is being typed in the message field: @names of members, and :names: of emoji. The arrow keys choose, Enter
// or Tab takes, Escape closes. The focus stays in the field.

import { h, fill } from "/client/ui/dom.js";
import { isComposing } from "/client/ui/input_method.js";
import { plural, t } from "/client/ui/language.js";
import { emojiChoices, noteEmoji } from "../emoji/choices.js";
import { suggestedMembers } from "./suggested_members.js";

const MAX_SHOWN = 8;
const WAIT_MS = 120;
const MENTION = /(?:^|[^A-Za-z0-9@\uff20])[@\uff20]([^\s@\uff20:,]{0,32})$/u;
// One sign of Chinese or Japanese writing is a word.
const EMOJI = /(?:^|[\s(])(:(?:[\p{L}\p{M}\p{N}_+-]{2,32}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]))$/u;
const WHOLE_EMOJI = /(?:^|[\s(])(:[\p{L}\p{M}\p{N}_+-]{2,32}:)$/u;

let lists = 0;

/** @typedef {{insert: string, label: string, detail?: string, face?: any, taken?: () => void}} Suggestion */

export class Completion {
  #field;
  #app;
  #conversation;
  #list;
  #status = h("p.unseen", { role: "status" });
  /** @type {Suggestion[]} */ #shown = [];
  #at = 0;
  #start = 0; // of the text that a suggestion replaces
  #turn = 0;
  #timer;

  /** @param {HTMLTextAreaElement} field @param {any} app @param {() => any} conversation its current state */
  constructor(field, app, conversation) {
    [this.#field, this.#app, this.#conversation] = [field, app, conversation];
    const id = `completion-${(lists += 1)}`;
    this.#list = h("ul.completion", { id, role: "listbox", "aria-label": t("Suggestions"), hidden: true, onmousedown: (event) => event.preventDefault() });
    this.element = h("div", null, this.#list, this.#status);
    for (const [name, value] of [["aria-autocomplete", "list"], ["aria-haspopup", "listbox"], ["aria-controls", id]]) field.setAttribute(name, value);
    field.addEventListener("input", (event) => /** @type {InputEvent} */ (event).isComposing || this.#later());
    field.addEventListener("blur", () => this.close());
    field.addEventListener("click", () => this.close());
    this.#later(); // for text that was typed while this module was loading
  }

  /** Returns whether the key belonged to the open list. @param {KeyboardEvent} event */
  onKey(event) {
    if (this.#list.hidden || isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return false;
    const act = {
      ArrowDown: () => this.#choose(this.#at + 1),
      ArrowUp: () => this.#choose(this.#at - 1),
      Enter: () => this.#take(this.#shown[this.#at]),
      Tab: () => this.#take(this.#shown[this.#at]),
      Escape: () => this.close(),
    }[event.shiftKey ? "" : event.key];
    if (!act) return false;
    event.preventDefault();
    event.stopPropagation();
    act();
    return true;
  }

  close() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.#show([]);
  }

  /** Looks for suggestions when the user pauses. */
  #later() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.#timer = setTimeout(() => this.#look().catch(() => this.close()), this.#before() ? WAIT_MS : 0);
  }

  #before() {
    const { selectionStart, selectionEnd, value } = this.#field;
    return selectionStart === selectionEnd ? value.slice(0, selectionEnd) : "";
  }

  async #look() {
    const turn = this.#turn;
    const before = this.#before();
    const [mention, whole, emoji] = [MENTION.exec(before), WHOLE_EMOJI.exec(before), EMOJI.exec(before)];
    let found = [];
    if (mention) found = await suggestedMembers(this.#app.store, this.#conversation(), mention[1]);
    else if (whole) return this.#replaceWhole(whole[1], turn);
    else if (emoji) found = await suggestedEmoji(emoji[1].slice(1));
    if (turn !== this.#turn) return undefined;
    const query = mention?.[1] ?? emoji?.[1] ?? "";
    this.#start = before.length - query.length - (mention ? 1 : 0);
    return this.#show(found.slice(0, MAX_SHOWN));
  }

  /** Replaces `:smile:` at once. */
  async #replaceWhole(text, turn) {
    const { emojiNamed } = await emojiFinder();
    const one = emojiNamed(text.slice(1, -1));
    if (turn !== this.#turn) return;
    this.#show([]);
    this.#start = this.#before().length - text.length;
    if (one) this.#replace(one.emoji);
  }

  #show(suggestions) {
    this.#shown = suggestions;
    this.#list.hidden = suggestions.length === 0;
    fill(this.#list, suggestions.map((one, index) => this.#option(one, index)));
    this.#status.textContent = suggestions.length ? plural(suggestions.length, "{count} suggestion", "{count} suggestions") : "";
    if (suggestions.length) this.#choose(0);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  #option(suggestion, index) {
    return h("li", { id: `${this.#list.id}-${index}`, role: "option", onclick: () => this.#take(suggestion) },
      suggestion.face, h("span.label", null, suggestion.label), suggestion.detail ? h("span.detail", null, suggestion.detail) : null);
  }

  #choose(index) {
    this.#at = (index + this.#shown.length) % this.#shown.length;
    [...this.#list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === this.#at)));
    const chosen = this.#list.children[this.#at];
    this.#field.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  /** @param {Suggestion} suggestion */
  #take({ insert, taken }) {
    taken?.();
    this.#replace(insert);
    this.close();
  }

  #replace(text) {
    this.#field.setRangeText(text, this.#start, this.#field.selectionEnd, "end");
    this.#field.dispatchEvent(new InputEvent("input"));
    this.#field.focus();
  }
}

async function emojiFinder() {
  const finder = await import("../emoji/find.js");
  await finder.loadNames();
  return finder;
}

/** @param {string} query @returns {Promise<Suggestion[]>} */
async function suggestedEmoji(query) {
  const { findEmoji, toned } = await emojiFinder();
  const { tone } = emojiChoices();
  return findEmoji(query, MAX_SHOWN).map((one) => {
    const emoji = toned(one, tone);
    return { insert: `${emoji} `, label: one.name, face: h("span.emoji", { "aria-hidden": "true" }, emoji), taken: () => noteEmoji(emoji) };
  });
}
