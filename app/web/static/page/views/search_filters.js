// The filters of a search: what a message contains, who sent it, and when.

import { append, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";

const kinds = () => [["", t("Anything")], ["file", t("Files")], ["image", t("Pictures")], ["video", t("Videos")], ["audio", t("Sounds")], ["link", t("Links")]];
const DAY_MS = 86_400_000;
const MAX_PEOPLE = 200;

export class SearchFilters {
  #app;
  #conversationId;
  #fields;
  #count = h("span.badge.quiet", { hidden: true });

  /** @param {any} app @param {() => void} onChange @param {number} [conversationId] search only here */
  constructor(app, onChange, conversationId) {
    [this.#app, this.#conversationId] = [app, conversationId];
    this.#fields = {
      has: choice(t("Contains"), kinds()),
      senderId: choice(t("From"), [["", t("Anyone")]]),
      after: day(t("Since")),
      before: day(t("Until")),
    };
    this.element = h("details.filters", { ontoggle: () => this.#open() }, h("summary", null, t("Filters"), this.#count));
    this.element.addEventListener("change", () => {
      this.#count.textContent = String(this.#chosen().length);
      this.#count.hidden = !this.#chosen().length;
      onChange();
    });
  }

  /** The parameters of the search. Days are those of this browser's time zone, and both are included. */
  get values() {
    const { has, senderId, after, before } = this.#fields;
    const found = {};
    if (has.input.value) found.has = has.input.value;
    if (senderId.input.value) found.senderId = Number(senderId.input.value);
    if (midnight(after)) found.after = new Date(midnight(after) - 1).toISOString();
    if (midnight(before)) found.before = new Date(nextMidnight(before)).toISOString();
    return found;
  }

  /** Whether the filters select messages by themselves, without a word. */
  get selective() {
    return Boolean(this.values.has || this.values.senderId);
  }

  get any() {
    return this.#chosen().length > 0;
  }

  clear() {
    for (const { input } of Object.values(this.#fields)) input.value = "";
    this.#count.hidden = true;
    this.element.open = false;
  }

  #chosen() {
    return Object.keys(this.values);
  }

  #open() {
    if (this.element.childElementCount === 1) append(this.element, Object.values(this.#fields).map(({ row }) => row));
    this.#listPeople();
  }

  #listPeople() {
    const { input } = this.#fields.senderId;
    const { value } = input;
    const { store } = this.#app;
    const people = this.#people().map((id) => [String(id), id === store.me.id ? t("You") : store.people.name(id)]);
    input.replaceChildren(...options([["", t("Anyone")], ...people]));
    input.value = people.some(([id]) => id === value) ? value : "";
  }

  /** The members of the conversation, or the people of direct conversations. The user comes first. */
  #people() {
    const { conversations, me } = this.#app.store;
    const here = conversations.get(this.#conversationId);
    const others = here ? (here.members ?? []).map((member) => member.userId)
      : conversations.list().filter((one) => one.kind === "direct").map((one) => conversations.peerOf(one));
    return [me.id, ...new Set(others.filter((id) => id && id !== me.id))].slice(0, MAX_PEOPLE);
  }
}

function choice(label, choices) {
  return labelled(label, h("select", null, options(choices)));
}

const options = (choices) => choices.map(([value, text]) => h("option", { value }, text));

function day(label) {
  return labelled(label, h("input", { type: "date" }));
}

function labelled(label, input) {
  return { row: h("label", null, h("span", null, label), input), input };
}

/** The beginning of the chosen day in this time zone, in milliseconds; NaN without one. */
function midnight({ input }) {
  return new Date(`${input.value}T00:00`).getTime();
}

/** A day may have 23 or 25 hours. */
function nextMidnight(field) {
  return new Date(midnight(field) + DAY_MS * 1.5).setHours(0, 0, 0, 0);
}
