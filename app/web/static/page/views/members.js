// The members of a group, and the actions of owners and admins.

import { avatarOf } from "../components/avatar.js";
import { button, busy, iconButton } from "../components/button.js";
import { confirmed, openDialog } from "../components/dialog.js";
import { openMenu } from "../components/menu.js";
import { toastError } from "../components/toast.js";
import { h } from "../lib/dom.js";
import { peoplePicker } from "./people_picker.js";

const ORDER = { owner: 0, admin: 1, member: 2 };
const PAGE = 100;

export function memberList(app, conversation, role) {
  const list = h("ul.rows", null);
  if (conversation.members) {
    const sorted = [...conversation.members].sort((a, b) => ORDER[a.role] - ORDER[b.role] || a.userId - b.userId);
    list.append(...sorted.map((member) => row(app, conversation, member, role)));
  } else {
    page(app, conversation, role, list);
  }
  return list;
}

/** Groups of more than 100 members are loaded in pages, on demand. */
async function page(app, conversation, role, list, cursor) {
  try {
    const found = await app.store.client.members(conversation.id, { limit: PAGE, ...(cursor ? { cursor } : {}) });
    list.append(...found.members.map((member) => row(app, conversation, member, role)));
    if (!found.cursor) return;
    const more = h("li", null, button("Show more", () => {
      more.remove();
      page(app, conversation, role, list, found.cursor);
    }));
    list.append(more);
  } catch (error) {
    toastError(error);
  }
}

function row(app, conversation, member, role) {
  const { store } = app;
  const user = store.people.get(member.userId);
  const own = member.userId === store.me.id;
  const items = own ? [] : choices(app, conversation, member, role);
  const open = () => app.openDirect(member.userId).catch(toastError);
  return h("li.member", { dataset: { user: user.username } },
    h("button.person", { type: "button", onclick: open, "aria-label": `Message ${user.displayName}` }, avatarOf(user, { online: store.presence.isOnline(user.id) }),
      h("span.words", null, h("span.name", null, own ? "You" : user.displayName), h("span.detail", null, `@${user.username}`)),
      member.role === "member" ? null : h("span.role", null, member.role)),
    items.length ? iconButton("more", `Manage ${user.displayName}`, (event) => openMenu(event.currentTarget, items), { "aria-haspopup": "menu" }) : null);
}

function choices(app, conversation, member, role) {
  const { client } = app.store;
  const changed = (act) => async () => {
    try {
      app.store.conversations.put(await act());
    } catch (error) {
      toastError(error);
    }
  };
  const give = (next) => changed(() => client.setRole(conversation.id, member.userId, next));
  const remove = async () => {
    const name = app.store.people.get(member.userId).displayName;
    if (await confirmed(`Remove ${name}?`, "They will no longer see this group or get its messages.", "Remove")) {
      await changed(() => client.removeMember(conversation.id, member.userId))();
    }
  };
  const removable = role === "owner" || (role === "admin" && member.role === "member");
  return [
    role === "owner" && member.role !== "admin" && { label: "Make admin", icon: "person", act: give("admin") },
    role === "owner" && member.role !== "member" && { label: "Make member", icon: "person", act: give("member") },
    role === "owner" && member.role !== "owner" && { label: "Make owner", icon: "person", act: give("owner") },
    removable && { label: "Remove from group", icon: "leave", danger: true, act: remove },
  ].filter(Boolean);
}

export async function addPeople(app, conversation) {
  const { store } = app;
  const there = new Set((conversation.members ?? []).map((member) => member.userId));
  const changed = await openDialog("Add members", (close) => {
    const picker = peoplePicker(store, { many: true, except: there });
    const add = button("Add", async () => {
      const ids = picker.chosen().map((user) => user.id);
      const done = ids.length && (await busy(add, () => store.client.addMembers(conversation.id, ids), toastError));
      if (done) close(done);
    }, "primary");
    return [picker.element, h("div.actions", null, add)];
  });
  if (changed) store.conversations.put(changed);
}
