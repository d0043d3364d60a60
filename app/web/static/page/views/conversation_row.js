import { icon } from "/client/ui/icons.js";
import { markIcon } from "/client/ui/mark.js";
import { h } from "/client/ui/dom.js";
import { number, plural, t } from "/client/ui/language.js";
import { shortly } from "/client/ui/times.js";
import { isMuted } from "/client/state/conversations.js";
import { markOf } from "/client/state/marks.js";
import { face, titleOf, typingText } from "/client/ui/conversation_names.js";
import { foldedWords } from "./folds.js";
import { preview } from "/client/ui/system_text.js";
import { signsKey, statusSigns } from "./user_status.js";

/** A row in the list of conversations, for `reconcile`. */
export function conversationRow(store, conversation, open) {
  const title = titleOf(store, conversation);
  const typing = typingText(store, conversation);
  const peer = conversation.kind === "direct" ? store.conversations.peerOf(conversation) : null;
  const last = conversation.lastMessage;
  const names = last ? lineText(store, conversation, last) : "";
  const deps = [conversation, title, typing, store.presence.isOnline(peer), open, names, store.people.get(peer ?? store.me.id).avatarUrl, peer ? signsKey(store.people.get(peer)) : ""];
  return { key: String(conversation.id), deps, make: () => row(store, conversation, { title, typing, open }) };
}

function row(store, conversation, { title, typing, open }) {
  const last = conversation.lastMessage;
  const peer = conversation.kind === "direct" ? store.conversations.peerOf(conversation) : null;
  const signs = peer ? statusSigns(store.people.get(peer)) : null;
  const props = {
    href: `#/c/${conversation.id}`,
    class: `${open ? "open" : ""}${conversation.unread || conversation.markedUnread ? " unread" : ""}`,
    "aria-current": open ? "true" : null,
    dataset: { conversation: conversation.id },
  };
  return h("li", null, h("a.conversation-row", props,
    face(store, conversation),
    h("span.words", null,
      h("span.top", null, h("span.name", { dir: "auto" }, title), signs, isMuted(conversation) ? sign("muted", t("Muted")) : null,
        conversation.pinned ? sign("pin", t("Pinned")) : null,
        h("span.when", null, shortly(conversation.updatedAt))),
      h("span.bottom", null, typing ? h("span.typing", null, typing) : lastLine(store, conversation, last, open), badges(conversation)))));
}

function sign(name, words) {
  return h("span.sign", { role: "img", "aria-label": words, title: words }, icon(name));
}

function lastLine(store, conversation, last, open) {
  const { draft } = conversation;
  if (draft && !open) return h("span.last", null, h("span.draft", null, t("Draft:")), h("span.line", { dir: "auto" }, draft.message || t("Reply")));
  if (!last) return h("span.last", null, t("No messages yet"));
  const own = last.senderId === store.me.id;
  const mark = own && last.kind !== "system" && !last.deletedAt ? markIcon(markOf(last, conversation)) : null;
  return h("span.last", null, mark, h("span.line", { dir: "auto" }, lineText(store, conversation, last)));
}

function lineText(store, conversation, last) {
  if (last.kind !== "system" && store.isFolded(conversation, last.senderId)) return foldedWords();
  const named = conversation.kind === "group" && last.kind !== "system" && last.senderId !== store.me.id;
  return `${named ? `${store.people.name(last.senderId)}: ` : ""}${preview(store, last)}`;
}

function badges({ unread, mentions, mutedUntil, markedUnread }) {
  const quiet = isMuted({ mutedUntil }) ? "quiet" : "";
  return [
    mentions > 0 ? h("span.badge.named", { role: "img", "aria-label": plural(mentions, "{count} mention", "{count} mentions") }, "@") : null,
    unread > 0 ? h("span.badge", { class: quiet, role: "img", "aria-label": plural(unread, "{count} unread message", "{count} unread messages") }, unread > 999 ? `${number(999)}+` : number(unread)) : null,
    markedUnread && !unread ? h("span.badge.dot", { class: quiet, role: "img", "aria-label": t("marked as unread") }) : null,
  ];
}
