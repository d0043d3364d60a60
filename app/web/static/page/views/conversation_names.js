// The name and picture of a conversation: those of the group, or of the other person.

import { avatar, avatarOf } from "../components/avatar.js";
import { lastSeen } from "../lib/times.js";
import { listed, plural } from "../lib/words.js";

export function titleOf(store, conversation) {
  if (conversation.kind === "group") return conversation.name ?? "Group";
  const peer = store.conversations.peerOf(conversation);
  return peer === store.me.id ? "Notes to yourself" : store.people.get(peer).displayName;
}

export function face(store, conversation, options = {}) {
  if (conversation.kind === "group") {
    return avatar({ id: conversation.id, name: conversation.name ?? "Group", url: conversation.avatarUrl, ...options });
  }
  const peer = store.conversations.peerOf(conversation);
  if (peer === store.me.id) return avatar({ id: peer, name: "", kind: "notes", ...options });
  return avatarOf(store.people.get(peer), { online: store.presence.isOnline(peer), ...options });
}

/** "Bob is typing…", or null. */
export function typingText(store, conversation) {
  const typing = store.presence.typingIn(conversation.id);
  if (!typing.length) return null;
  if (conversation.kind === "direct") return "typing…";
  const names = typing.map((id) => store.people.get(id).displayName);
  return `${listed(names)} ${names.length === 1 ? "is" : "are"} typing…`;
}

/** The line under the title: typing, online, last seen, or the number of members. */
export function subtitleOf(store, conversation) {
  const typing = typingText(store, conversation);
  if (typing) return typing;
  if (conversation.kind === "group") return plural(conversation.memberCount, "member");
  const peer = store.conversations.peerOf(conversation);
  if (peer === store.me.id) return "Only you see this";
  if (store.presence.isOnline(peer)) return "online";
  const seen = store.presence.get(peer)?.lastSeen ?? store.people.get(peer).lastSeen;
  return seen ? lastSeen(seen) : `@${store.people.get(peer).username || "…"}`;
}
