// System messages as sentences, and messages in one line.

import { plainText } from "../parley.js";
import { listed, plural, t } from "./language.js";

/**
 * Each sentence is a text of its own, because verbs and pronouns depend on who acted.
 * @param {any} store @param {any} message of kind system
 */
export function systemText(store, message) {
  if (!message.senderId) return message.system ? byHost(store, message.system) : (message.message ?? ""); // of the host's server
  const about = message.system ?? {};
  const mine = message.senderId === store.me.id;
  const name = store.people.name(message.senderId);
  switch (about.type) {
    case "created":
      return mine ? t("You created the group") : t("{name} created the group", { name });
    case "added":
      return added(store, about.userIds ?? [], mine, name);
    case "removed":
      return removed(store, about.userIds ?? [], mine, name);
    case "joined":
      return mine ? t("You joined with an invite link") : t("{name} joined with an invite link", { name });
    case "left":
      return mine ? t("You left") : t("{name} left", { name });
    case "role":
      return newRole(store, about, mine, name);
    case "info":
      return changed(about, mine, name);
    default:
      return mine ? t("You changed the group") : t("{name} changed the group", { name });
  }
}

const listOf = (store, ids) => listed(ids.map((id) => (id === store.me.id ? t("you") : store.people.name(id))));
const onlyMe = (store, ids) => ids.length === 1 && ids[0] === store.me.id;

function added(store, ids, mine, name) {
  if (mine) return t("You added {people}", { people: listOf(store, ids) });
  return onlyMe(store, ids) ? t("{name} added you", { name }) : t("{name} added {people}", { name, people: listOf(store, ids) });
}

function removed(store, ids, mine, name) {
  if (mine) return t("You removed {people}", { people: listOf(store, ids) });
  return onlyMe(store, ids) ? t("{name} removed you", { name }) : t("{name} removed {people}", { name, people: listOf(store, ids) });
}

function newRole(store, { userId, role }, mine, name) {
  const values = { name, person: store.people.name(userId) };
  const me = userId === store.me.id;
  switch (role) {
    case "owner":
      if (me) return t("{name} made you an owner", values);
      return mine ? t("You made {person} an owner", values) : t("{name} made {person} an owner", values);
    case "admin":
      if (me) return t("{name} made you an admin", values);
      return mine ? t("You made {person} an admin", values) : t("{name} made {person} an admin", values);
    default:
      if (me) return t("{name} made you a member", values);
      return mine ? t("You made {person} a member", values) : t("{name} made {person} a member", values);
  }
}

function changed(about, mine, name) {
  if (about.name) return mine ? t("You named the group “{group}”", { group: about.name }) : t("{name} named the group “{group}”", { name, group: about.name });
  if ("avatarUrl" in about) return mine ? t("You changed the group picture") : t("{name} changed the group picture", { name });
  if ("description" in about) return mine ? t("You changed the group description") : t("{name} changed the group description", { name });
  if (about.readOnly !== undefined) return writersText(about.readOnly, mine, name);
  if (!about.history) return mine ? t("You changed the group") : t("{name} changed the group", { name });
  if (about.history === "joined") return mine ? t("You hid earlier messages from new members") : t("{name} hid earlier messages from new members", { name });
  return mine ? t("You made earlier messages visible to new members") : t("{name} made earlier messages visible to new members", { name });
}

function writersText(readOnly, mine, name) {
  if (readOnly) return mine ? t("You let only admins write") : t("{name} let only admins write", { name });
  return mine ? t("You let all members write") : t("{name} let all members write", { name });
}

/** Nobody in the conversation made the change, so the sentence names only what changed. */
function byHost(store, about) {
  const ids = about.userIds ?? [];
  switch (about.type) {
    case "created":
      return t("The group was created");
    case "added":
      if (onlyMe(store, ids)) return t("You were added");
      return plural(ids.length, "{people} was added", "{people} were added", { people: subjects(store, ids) });
    case "removed":
      if (onlyMe(store, ids)) return t("You were removed");
      return plural(ids.length, "{people} was removed", "{people} were removed", { people: subjects(store, ids) });
    case "role":
      return roleNow(store, about);
    default:
      return infoNow(about);
  }
}

/** The user is the first of the list: "You and Ben". */
function subjects(store, ids) {
  const others = ids.filter((id) => id !== store.me.id);
  const all = others.length < ids.length ? [store.me.id, ...others] : others;
  return listed(all.map((id) => store.people.name(id)));
}

function roleNow(store, { userId, role }) {
  const me = userId === store.me.id;
  const person = store.people.name(userId);
  if (role === "owner") return me ? t("You are now an owner") : t("{person} is now an owner", { person });
  if (role === "admin") return me ? t("You are now an admin") : t("{person} is now an admin", { person });
  return me ? t("You are now a member") : t("{person} is now a member", { person });
}

function infoNow(about) {
  if (about.name) return t("The group is now called “{group}”", { group: about.name });
  if ("avatarUrl" in about) return t("The group picture was changed");
  if ("description" in about) return t("The group description was changed");
  if (about.readOnly !== undefined) return about.readOnly ? t("Only admins can write now") : t("All members can write now");
  if (!about.history) return t("The group was changed");
  return about.history === "joined" ? t("New members can't see earlier messages now") : t("New members can see earlier messages now");
}

const SHORT = 300; // UTF-16 units

/** The beginning of a text without its formatting. @param {string} text */
export const shortText = (text) => plainText(text.slice(0, SHORT).replace(/[\ud800-\udbff]$/, ""));

/**
 * Returns the quoted message, from the server or from what is loaded; null if it is unknown. Its `text` is null if it was
 * deleted, and empty if it has only attachments.
 * @param {any} message @param {(id: string) => any} find
 */
export function quotedIn(message, find) {
  if (message.quoted) return { ...message.quoted, text: message.quoted.message ?? null };
  const known = message.replyTo ? find(message.replyTo) : null;
  return known ? { ...known, text: known.deletedAt ? null : (known.message ?? "") } : null;
}

/** Returns the text of a quoted message in one line. @param {{ text: string | null }} quoted */
export const quoteText = ({ text }) => (text === null ? t("Deleted message") : shortText(text) || t("Attachment"));

/** A message in one line, for lists and notifications. */
export function preview(store, message) {
  if (message.kind === "system") return systemText(store, message);
  if (message.deletedAt) return t("Deleted message");
  if (message.message) return shortText(message.message);
  const kinds = { image: t("Picture"), audio: t("Voice message"), video: t("Video") };
  return kinds[message.attachments?.[0]?.kind] ?? t("File");
}

/** The line above the message field. @param {any} store @param {number} senderId of the message to reply to */
export function replyTo(store, senderId) {
  return senderId === store.me.id ? t("Reply to yourself") : t("Reply to {name}", { name: store.people.name(senderId) });
}
