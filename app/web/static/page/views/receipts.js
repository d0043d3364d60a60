// Shows who has read the user's own message in a group, who has received it, and who has not.

import { receiversOf } from "/client/state/marks.js";
import { avatarOf } from "/client/ui/avatar.js";
import { openDialog } from "../components/dialog.js";
import { moreButton } from "../components/more.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { fill, h } from "/client/ui/dom.js";
import { number, t } from "/client/ui/language.js";

/** Follows the marks of the members if they are loaded; larger groups are loaded in pages. */
export async function openReceipts(store, message) {
  const { conversationId } = message;
  const body = h("div.receipts");
  const known = () => store.conversations.get(conversationId)?.members;
  const follow = () => known() && draw(store, body, receiptsOf(message, known()));
  const end = store.topics.on([`marks:${conversationId}`, `conversation:${conversationId}`, "people"], follow);
  if (known()) follow();
  else load(store, body, message);
  await openDialog(t("Read by"), () => body);
  end();
}

function receiptsOf(message, all) {
  const { seq } = message;
  const members = receiversOf(message, all).map(({ userId, readSeq, deliveredSeq }) => ({ userId, read: readSeq >= seq, delivered: deliveredSeq >= seq }));
  return { members, read: members.filter((one) => one.read).length, delivered: members.filter((one) => one.delivered).length };
}

async function load(store, body, message, before = [], cursor) {
  if (!before.length) fill(body, spinner(t("Loading read receipts")));
  try {
    const found = await store.client.receipts(message.id, { conversationId: message.conversationId, ...(cursor ? { cursor } : {}) });
    const members = [...before, ...found.members];
    const more = found.cursor ? () => load(store, body, message, members, found.cursor) : null;
    draw(store, body, { ...found, members }, more);
  } catch (error) {
    fill(body, failure(error, () => load(store, body, message, before, cursor)));
  }
}

function draw(store, body, { members, read, delivered }, more = null) {
  fill(body,
    section(store, t("Read ({count})", { count: number(read) }), members.filter((one) => one.read)),
    section(store, t("Delivered ({count})", { count: number(delivered - read) }), members.filter((one) => one.delivered && !one.read)),
    section(store, t("Not delivered yet"), members.filter((one) => !one.delivered)),
    members.length ? null : empty("group", t("Nobody else was in the group when you sent this")),
    more ? h("div.actions", null, moreButton(body, more)) : null);
}

function section(store, title, members) {
  if (!members.length) return null;
  const rows = members.map(({ userId }) => {
    const user = store.people.get(userId);
    return h("li.who", { dataset: { user: user.username } }, avatarOf(user), h("span.name", { dir: "auto" }, user.displayName));
  });
  return h("section", { "aria-label": title }, h("h3", null, title), h("ul", null, rows));
}
