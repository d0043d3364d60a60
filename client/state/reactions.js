// The reactions of a message, as the page changes them.

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
