// System messages as sentences.

import { listed } from "../lib/words.js";

/** @param {any} store @param {any} message of kind system */
export function systemText(store, message) {
  const name = (id) => store.people.name(id);
  const who = name(message.senderId);
  const about = message.system ?? {};
  const whom = listed((about.userIds ?? []).map((id) => (id === store.me.id ? "you" : name(id))));
  switch (about.type) {
    case "created":
      return `${who} created the group`;
    case "added":
      return `${who} added ${whom}`;
    case "removed":
      return `${who} removed ${whom}`;
    case "joined":
      return `${who} joined with an invite link`;
    case "left":
      return `${who} left`;
    case "role":
      return `${who} made ${about.userId === store.me.id ? "you" : name(about.userId)} ${article(about.role)}`;
    case "info":
      return `${who} ${changed(about)}`;
    default:
      return `${who} changed the group`;
  }
}

const article = (role) => ({ owner: "an owner", admin: "an admin", member: "a member" })[role] ?? String(role);

function changed(about) {
  if (about.name) return `named the group “${about.name}”`;
  if ("avatarUrl" in about) return "changed the group picture";
  if ("description" in about) return "changed the group description";
  return about.history === "joined" ? "hid earlier messages from new members" : "made earlier messages visible to new members";
}

/** A message in one line, for lists and notifications. */
export function preview(store, message) {
  if (message.kind === "system") return systemText(store, message);
  if (message.deletedAt) return "Deleted message";
  if (message.message) return message.message;
  const kinds = { image: "Picture", audio: "Voice message", video: "Video" };
  return kinds[message.attachments?.[0]?.kind] ?? "File";
}
