// The members of a group, and the actions of owners and admins.

import { avatarOf } from "/client/ui/avatar.js";
import { button, busy, iconButton } from "/client/ui/button.js";
import { confirmed, openDialog } from "../components/dialog.js";
import { line } from "../components/line.js";
import { openMenu } from "../components/menu.js";
import { moreButton } from "../components/more.js";
import { toastError } from "../components/toast.js";
import { h, reconcile } from "/client/ui/dom.js";
import { atName, number, t } from "/client/ui/language.js";
import { peoplePicker } from "./people_picker.js";
import { leads, roleIn, roleName } from "./roles.js";
import { signsKey, statusSigns } from "./user_status.js";

const ORDER = { owner: 0, admin: 1, member: 2 };
const PAGE = 100;

/** The card with the members of a group. Rows that have not changed keep their elements. */
export class Members {
  #app;
  #id;
  #title = h("h3");
  #add;
  #rows = h("ul.rows");
  #loaded = null; // the members of a group of more than 100, which are loaded in pages, on demand
  #cursor;
  #turn = 0;

  constructor(app, conversationId) {
    [this.#app, this.#id] = [app, conversationId];
    this.#add = line("add", t("Add members"), () => addPeople(app, this.#conversation));
    this.element = h("section.card", { "aria-label": t("Members") }, this.#title, this.#add, this.#rows);
  }

  get #conversation() {
    return this.#app.store.conversations.get(this.#id);
  }

  draw() {
    const { memberCount, members } = this.#conversation;
    const role = roleIn(this.#conversation, this.#app.store.me.id);
    this.#title.textContent = t("Members ({count})", { count: number(memberCount) });
    this.#add.hidden = !leads(role);
    if (!members && !this.#loaded) this.reload();
    const shown = members ? [...members].sort((a, b) => ORDER[a.role] - ORDER[b.role] || a.userId - b.userId) : this.#loaded;
    const cursor = members ? undefined : this.#cursor;
    const more = { key: "more", deps: [cursor], make: () => h("li", null, moreButton(this.#rows, () => this.#load(cursor))) };
    reconcile(this.#rows, [...shown.map((member) => row(this.#app, this.#id, member, role)), ...(cursor ? [more] : [])]);
  }

  /** Loads the first page again if the group is large. The members of others come with the conversation. */
  reload() {
    if (this.#conversation?.kind !== "group" || this.#conversation.members) return;
    this.#loaded ??= [];
    this.#load();
  }

  /** @param {string} [cursor] */
  async #load(cursor) {
    const turn = (this.#turn += 1);
    try {
      const found = await this.#app.store.client.members(this.#id, { limit: PAGE, ...(cursor ? { cursor } : {}) });
      if (turn !== this.#turn) return;
      this.#loaded = [...(cursor ? this.#loaded : []), ...found.members];
      this.#cursor = found.cursor;
      if (this.#conversation) this.draw();
    } catch (error) {
      toastError(error);
    }
  }
}

/** A member's row, for `reconcile`. `role` is the user's own. */
function row(app, conversationId, member, role) {
  const { people, presence } = app.store;
  const user = people.get(member.userId);
  const online = presence.isOnline(user.id);
  const deps = [user, signsKey(user), online, member.role, role];
  return { key: String(user.id), deps, make: () => memberRow(app, user, { online, memberRole: member.role, items: choices(app, conversationId, member, role) }) };
}

function memberRow(app, user, { online, memberRole, items }) {
  const open = () => app.openDirect(user.id).catch(toastError);
  return h("li.member", { dataset: { user: user.username } },
    h("button.person", { type: "button", onclick: open, "aria-label": t("Message {name}", { name: user.displayName }) }, avatarOf(user, { online }),
      h("span.words", null, h("span.name", { dir: "auto" }, user.id === app.store.me.id ? t("You") : user.displayName), h("span.detail", null, atName(user.username))),
      statusSigns(user),
      memberRole === "member" ? null : h("span.role", null, roleName(memberRole))),
    items.length ? iconButton("more", t("Manage {name}", { name: user.displayName }), (event) => openMenu(event.currentTarget, items), { "aria-haspopup": "menu" }) : null);
}

/** Returns the entries of a member's menu for a user with this role. */
function choices(app, conversationId, member, role) {
  const { client, me } = app.store;
  if (member.userId === me.id) return [];
  const changed = (act) => async () => {
    try {
      app.store.conversations.put(await act());
    } catch (error) {
      toastError(error);
    }
  };
  const give = (next) => changed(() => client.setRole(conversationId, member.userId, next));
  const remove = async () => {
    const name = app.store.people.get(member.userId).displayName;
    if (await confirmed(t("Remove {name}?", { name }), t("They will no longer see this group or get its messages."), t("Remove"))) {
      await changed(() => client.removeMember(conversationId, member.userId))();
    }
  };
  const removable = role === "owner" || (role === "admin" && member.role === "member");
  return [
    role === "owner" && member.role !== "admin" && { label: t("Make admin"), icon: "person", act: give("admin") },
    role === "owner" && member.role !== "member" && { label: t("Make member"), icon: "person", act: give("member") },
    role === "owner" && member.role !== "owner" && { label: t("Make owner"), icon: "person", act: give("owner") },
    removable && { label: t("Remove from group"), icon: "leave", danger: true, act: remove },
  ].filter(Boolean);
}

async function addPeople(app, conversation) {
  const { store } = app;
  const there = new Set((conversation.members ?? []).map((member) => member.userId));
  const changed = await openDialog(t("Add members"), (close) => {
    const picker = peoplePicker(store, { many: true, except: there });
    const add = button(t("Add"), async () => {
      const ids = picker.chosen().map((user) => user.id);
      const done = ids.length && (await busy(add, () => store.client.addMembers(conversation.id, ids), toastError));
      if (done) close(done);
    }, "primary");
    return [picker.element, h("div.actions", null, add)];
  });
  if (changed) store.conversations.put(changed);
}
