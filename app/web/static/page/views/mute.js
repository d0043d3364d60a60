// Muting a conversation for a time, with or without mentions.

import { button } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { toggle } from "../components/field.js";
import { h } from "../lib/dom.js";
import { exactly } from "../lib/times.js";

const HOUR_MS = 3_600_000;
const FOREVER = "9999-01-01T00:00:00Z";
const TIMES = [[HOUR_MS, "For an hour"], [8 * HOUR_MS, "For eight hours"], [7 * 24 * HOUR_MS, "For a week"], [Infinity, "Until I turn it on again"]];
const MENTIONS = "Except when I am mentioned";

/** Asks for how long. Resolves with {until, exceptMentions}, or undefined. Only groups offer the choice of mentions. */
export function chooseMute(conversation) {
  let exceptMentions = false;
  return openDialog("Mute notifications", (close) => [
    conversation.kind === "group" ? toggle(MENTIONS, exceptMentions, (on) => (exceptMentions = on)) : null,
    h("div.choices.times", null, TIMES.map(([wait, label]) => button(label, () => close({ until: untilAfter(wait), exceptMentions })))),
  ]);
}

/** Shows until when the conversation is muted, with the switch for mentions. */
export function muteState(conversation, change) {
  const { mutedUntil, exceptMentions } = conversation;
  const until = new Date(mutedUntil) >= new Date(FOREVER) ? "Muted until you turn it on again" : `Muted until ${exactly(mutedUntil)}`;
  const choice = conversation.kind === "group" ? toggle(MENTIONS, Boolean(exceptMentions), (on) => change({ until: mutedUntil, exceptMentions: on })) : null;
  return h("div.mute", null, h("p.detail", null, until), choice);
}

function untilAfter(wait) {
  return wait === Infinity ? FOREVER : new Date(Date.now() + wait).toISOString();
}
