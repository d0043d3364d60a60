// Muting a conversation for a time, with or without mentions.

import { button } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { toggle } from "../components/field.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { exactly } from "/client/ui/times.js";

const HOUR_MS = 3_600_000;
const FOREVER = "9999-01-01T00:00:00Z";
const times = () => [[HOUR_MS, t("For an hour")], [8 * HOUR_MS, t("For eight hours")], [7 * 24 * HOUR_MS, t("For a week")], [Infinity, t("Until I turn it on again")]];
const mentionsWords = () => t("Except when I am mentioned");

/** Asks for how long. Resolves with {until, exceptMentions}, or undefined. Only groups offer the choice of mentions. */
export function chooseMute(conversation) {
  let exceptMentions = false;
  return openDialog(t("Mute notifications"), (close) => [
    conversation.kind === "group" ? toggle(mentionsWords(), exceptMentions, (on) => (exceptMentions = on)) : null,
    h("div.choices.times", null, times().map(([wait, label]) => button(label, () => close({ until: untilAfter(wait), exceptMentions })))),
  ]);
}

/** Shows until when the conversation is muted, with the switch for mentions. `change` resolves to whether it was changed. */
export function muteState(conversation, change) {
  const { mutedUntil, exceptMentions } = conversation;
  const until = new Date(mutedUntil) >= new Date(FOREVER) ? t("Muted until you turn it on again") : t("Muted until {time}", { time: exactly(mutedUntil) });
  const switched = async (on, input) => {
    if (!(await change({ until: mutedUntil, exceptMentions: on }))) input.checked = !on;
  };
  const choice = conversation.kind === "group" ? toggle(mentionsWords(), Boolean(exceptMentions), switched) : null;
  return h("div.mute", null, h("p.detail", null, until), choice);
}

function untilAfter(wait) {
  return wait === Infinity ? FOREVER : new Date(Date.now() + wait).toISOString();
}
