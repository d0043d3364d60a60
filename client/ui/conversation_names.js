// The name and picture of a conversation: those of the group, or of the other person.

import { avatar, avatarOf } from "./avatar.js";
import { atName, listed, plural, t } from "./language.js";
import { lastSeen } from "./times.js";

/** The option `words` of a store. @type {Required<import("../state/people.js").Words>} */
export const nameWords = { you: () => t("You"), deletedAccount: () => t("Deleted account"), system: () => t("System") };

export function titleOf(store, conversation) {
  if (conversation.kind === "group") return conversation.name ?? t("Group");
  const peer = store.conversations.peerOf(conversation);
  return peer === store.me.id ? t("Notes to yourself") : store.people.get(peer).displayName;
}

export function face(store, conversation, options = {}) {
  if (conversation.kind === "group") {
    return avatar({ id: conversation.id, name: conversation.name ?? t("Group"), url: conversation.avatarUrl, ...options });
  }
  const peer = store.conversations.peerOf(conversation);
  if (peer === store.me.id) return avatar({ id: peer, name: "", kind: "notes", ...options });
  return avatarOf(store.people.get(peer), { online: store.presence.isOnline(peer), ...options });
}

/** "Bob is typing…", or null. */
export function typingText(store, conversation) {
  const typing = store.presence.typingIn(conversation.id);
  if (!typing.length) return null;
  if (conversation.kind === "direct") return t("typing…");
  const names = typing.map((id) => store.people.get(id).displayName);
  return plural(names.length, "{names} is typing…", "{names} are typing…", { names: listed(names) });
}

/** The line under the title: typing, online, last seen, or the number of members. */
export function subtitleOf(store, conversation) {
  const typing = typingText(store, conversation);
  if (typing) return typing;
  if (conversation.kind === "group") return plural(conversation.memberCount, "{count} member", "{count} members");
  const peer = store.conversations.peerOf(conversation);
  if (peer === store.me.id) return t("Only you see this");
  if (store.presence.isOnline(peer)) return t("online");
  const person = store.people.get(peer);
  const seen = store.presence.get(peer)?.lastSeen ?? person.lastSeen;
  if (seen) return lastSeen(seen);
  return person.externalId ? "" : atName(person.username || "…"); // the server made up the usernames of a host's users
}
