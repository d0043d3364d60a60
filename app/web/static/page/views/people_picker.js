// Finds people by the beginning of a name, to choose one or more.

import { avatarOf } from "/client/ui/avatar.js";
import { icon } from "/client/ui/icons.js";
import { fill, h } from "/client/ui/dom.js";
import { atName, t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

const WAIT_MS = 150;

/**
 * @param {any} store
 * @param {{many?: boolean, except?: Set<number>, onPick?: (user: any) => void}} options
 * @returns {{element: HTMLElement, chosen: () => any[], input: HTMLInputElement}}
 */
export function peoplePicker(store, { many = false, except = new Set(), onPick = () => undefined } = {}) {
  const chosen = new Map();
  const chips = h("div.chips");
  const found = h("ul.rows.people", { "aria-label": t("People found") });
  const note = h("p.note", { role: "status" }, t("Start typing a name."));
  const input = h("input", { type: "search", "aria-label": t("Find people by name"), placeholder: t("Name or username"), autocomplete: "off", spellcheck: "false", autofocus: true });
  let timer = 0;
  let latest = "";

  async function search() {
    const query = (latest = input.value.trim());
    if (!query) return show([], t("Start typing a name."));
    try {
      const answer = await store.client.findUsers(query);
      const users = (answer.users ?? answer).filter((user) => !except.has(user.id));
      if (query !== latest) return undefined;
      store.people.put(...users);
      return show(users, users.length ? "" : t("Nobody found for “{query}”.", { query }));
    } catch (error) {
      return show([], sentence(error));
    }
  }
  function show(users, text) {
    note.textContent = text;
    fill(found, users.map((user) => h("li", null, row(user))));
  }
  function row(user) {
    const on = chosen.has(user.id);
    const props = { type: "button", onclick: () => pick(user), dataset: { user: user.username }, ...(many ? { "aria-pressed": String(on) } : {}) };
    return h("button.person", props, avatarOf(user), h("span.words", null, h("span.name", { dir: "auto" }, user.displayName), h("span.detail", null, atName(user.username))), on ? icon("check") : null);
  }
  function pick(user) {
    if (!many) return onPick(user);
    if (!chosen.delete(user.id)) chosen.set(user.id, user);
    fill(chips, [...chosen.values()].map((one) => h("button.chip", { type: "button", "aria-label": t("Remove {name}", { name: one.displayName }), onclick: () => pick(one) }, one.displayName, icon("close"))));
    onPick(user);
    input.value = "";
    input.focus();
    return search();
  }
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, WAIT_MS);
  });
  return { element: h("div.picker", null, chips, input, note, found), chosen: () => [...chosen.values()], input };
}
