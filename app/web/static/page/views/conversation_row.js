import { icon } from "../components/icons.js";
import { markIcon } from "../components/mark.js";
import { h } from "../lib/dom.js";
import { shortly } from "../lib/times.js";
import { plural } from "../lib/words.js";
import { isMuted } from "../store/conversations.js";
import { markOf } from "../store/marks.js";
import { face, titleOf, typingText } from "./conversation_names.js";
import { preview } from "./system_text.js";

/** A row in the list of conversations, for `reconcile`. */
export function conversationRow(store, conversation, open) {
  const title = titleOf(store, conversation);
  const typing = typingText(store, conversation);
  const peer = conversation.kind === "direct" ? store.conversations.peerOf(conversation) : null;
  const last = conversation.lastMessage;
  const names = last ? store.people.get(last.senderId).displayName : "";
  const deps = [conversation, title, typing, store.presence.isOnline(peer), open, names, store.people.get(peer ?? store.me.id).avatarUrl];
  return { key: String(conversation.id), deps, make: () => row(store, conversation, { title, typing, open }) };
}

function row(store, conversation, { title, typing, open }) {
  const last = conversation.lastMessage;
  const props = {
    href: `#/c/${conversation.id}`,
    class: `${open ? "open" : ""}${conversation.unread ? " unread" : ""}`,
    "aria-current": open ? "true" : null,
    dataset: { conversation: conversation.id },
  };
  return h("li", null, h("a.conversation-row", props,
    face(store, conversation),
    h("span.words", null,
      h("span.top", null, h("span.name", null, title), isMuted(conversation) ? sign("muted", "Muted") : null,
        conversation.pinned ? sign("pin", "Pinned") : null,
        h("span.when", null, shortly(conversation.updatedAt))),
      h("span.bottom", null, typing ? h("span.typing", null, typing) : lastLine(store, conversation, last), badges(conversation)))));
}

function sign(name, words) {
  return h("span.sign", { role: "img", "aria-label": words, title: words }, icon(name));
}

function lastLine(store, conversation, last) {
  if (!last) return h("span.last", null, "No messages yet");
  const own = last.senderId === store.me.id;
  const mark = own && last.kind !== "system" && !last.deletedAt ? markIcon(markOf(last, conversation)) : null;
  const who = conversation.kind === "group" && last.kind !== "system" && !own ? `${store.people.name(last.senderId)}: ` : "";
  return h("span.last", null, mark, h("span.line", { dir: "auto" }, `${who}${preview(store, last)}`));
}

function badges({ unread, mentions, mutedUntil }) {
  const quiet = isMuted({ mutedUntil }) ? "quiet" : "";
  return [
    mentions > 0 ? h("span.badge.named", { role: "img", "aria-label": plural(mentions, "mention") }, "@") : null,
    unread > 0 ? h("span.badge", { class: quiet, role: "img", "aria-label": `${unread} unread` }, unread > 999 ? "999+" : String(unread)) : null,
  ];
}
