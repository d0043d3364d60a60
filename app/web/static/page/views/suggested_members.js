// Suggestions after an @: members by their names, and words for the whole group.

import { avatarOf } from "/client/ui/avatar.js";
import { icon } from "/client/ui/icons.js";
import { h } from "/client/ui/dom.js";
import { atName, t } from "/client/ui/language.js";
import { folded as foldedText } from "/client/ui/folded.js";
import { leads, roleIn } from "./roles.js";

const MAX_FETCHED = 20;
const RECENT = 200; // messages whose senders come first

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

const words = () => [["all", t("Everyone in the group")], ["here", t("Members who are online")]];

/** Korean syllables are taken apart, so that the beginning of one finds it. */
const folded = (text) => foldedText(text).normalize("NFD");

/**
 * @param {any} store @param {any} conversation @param {string} query what was typed after the @
 * @returns {Promise<any[]>} suggestions of completion.js
 */
export async function suggestedMembers(store, conversation, query) {
  const wanted = folded(query);
  const ids = await memberIds(store, conversation, query);
  if (ids.some((id) => store.people.get(id).username === wanted)) return []; // the name is complete
  const order = speakers(store, conversation);
  const others = ids.filter((id) => id !== store.me.id).map((id) => store.people.get(id)).filter((user) => user.username);
  const people = hasAllMembers(conversation) ? others.filter((user) => matches(user, wanted)) : others;
  people.sort((a, b) => (order.get(b.id) ?? 0) - (order.get(a.id) ?? 0) || a.displayName.localeCompare(b.displayName));
  return [...people.map(ofUser), ...groupWords(store, conversation, wanted)];
}

/** Large groups do not come with all their members, so the server looks for them. */
async function memberIds(store, conversation, query) {
  const found = hasAllMembers(conversation) ? conversation.members : (await store.client.members(conversation.id, { q: query, limit: MAX_FETCHED })).members;
  const ids = found.map(({ userId }) => userId);
  await store.people.load(ids);
  return ids;
}

const hasAllMembers = ({ members = [], memberCount }) => members.length >= memberCount;

/** In scripts without spaces, a given name may begin anywhere. */
function matches({ username, displayName }, wanted) {
  return username.startsWith(wanted) || folded(displayName).split(/[\s-]+/u).some((word) => word.startsWith(wanted)) || folded(displayName).startsWith(wanted) || (UNSPACED.test(wanted) && folded(displayName).includes(wanted));
}

/** Returns the recent senders: user id → a number that is higher for later messages. */
function speakers(store, { id, lastSeq }) {
  return new Map(store.timeline(id).slice(lastSeq - RECENT, lastSeq).map(({ senderId }, index) => [senderId, index + 1]));
}

function ofUser(user) {
  return { insert: `@${user.username} `, label: user.displayName, detail: atName(user.username), face: avatarOf(user) };
}

/** Only owners and admins mention the whole group. */
function groupWords(store, conversation, wanted) {
  if (!leads(roleIn(conversation, store.me.id))) return [];
  return words().filter(([word]) => word.startsWith(wanted)).map(([word, about]) => {
    return { insert: `@${word} `, label: atName(word), detail: about, face: h("span.avatar", { "aria-hidden": "true" }, icon("group")) };
  });
}
