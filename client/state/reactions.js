// The reactions of a message.

/** The server stores each emoji in one form, so a variation selector makes no difference. */
const sameEmoji = (one, other) => one.replace(/\ufe0f/gu, "") === other.replace(/\ufe0f/gu, "");

/** Returns the reactions with one added or removed. Repeating your own reaction changes nothing. */
export function withReaction(reactions, emoji, on, mine) {
  const old = reactions.find((r) => sameEmoji(r.emoji, emoji)) ?? { emoji, count: 0, mine: false };
  if (mine && old.mine === on) return reactions;
  const next = { emoji: old.emoji, count: old.count + (on ? 1 : -1), mine: mine ? on : old.mine };
  const all = old.count ? reactions.map((r) => (r === old ? next : r)) : [...reactions, next];
  return all.filter((r) => r.count > 0);
}

/** Returns the emoji with which the user reacted. */
export const ownReactions = ({ reactions = [] }) => reactions.filter((r) => r.mine).map((r) => r.emoji);

/** Shows the user's reaction at once. Takes it back and rejects if the server refuses it. */
export async function react(store, { id, conversationId }, emoji, on) {
  const timeline = store.timeline(conversationId);
  const change = (now) => timeline.update(id, (old) => ({ ...old, reactions: withReaction(old.reactions ?? [], emoji, now, true) }));
  change(on);
  try {
    await store.client.react(id, emoji, on, conversationId);
  } catch (error) {
    change(!on);
    throw error;
  }
}
