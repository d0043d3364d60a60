// The settings of one's own status and of "do not disturb".

import { button, busy } from "/client/ui/button.js";
import { field, select } from "../components/field.js";
import { toast, toastError } from "../components/toast.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";
import { exactly } from "/client/ui/times.js";
import { isQuiet, statusOf } from "./user_status.js";

const HOUR_MS = 3_600_000;
const times = () => [["1", t("For 1 hour")], ["4", t("For 4 hours")], ["day", t("Until midnight")], ["168", t("For a week")]];
const endChoices = () => [["", t("Until I change it")], ["0.5", t("For 30 minutes")], ...times()];
const quietTimes = () => [["", t("Off")], ...times()];

/** The settings of the user's own status. `mine` resolves to your own user. */
export function ownStatus(store, mine) {
  const emoji = field(t("Emoji"), { limit: 16, class: "short", autocomplete: "off" });
  const text = field(t("Status"), { limit: 80, placeholder: t("What are you up to?"), autocomplete: "off" });
  const quietNote = h("p.detail", { role: "status" });
  let end = "";
  const ends = select(t("Clear it"), endChoices(), "", (value) => (end = value));
  const show = (me) => {
    store.people.put({ status: undefined, doNotDisturbUntil: undefined, ...me });
    const status = statusOf(me);
    [emoji.input.value, text.input.value] = [status?.emoji ?? "", status?.text ?? ""];
    quietNote.textContent = isQuiet(me) ? t("Do not disturb until {time}", { time: exactly(me.doNotDisturbUntil) }) : "";
    quiet.querySelector("select").value = "";
    clear.hidden = !status;
  };
  const change = async (control, changes, said) => {
    const me = await busy(control, () => store.client.updateMe(changes), (error) => text.fail(sentence(error, { invalid: t("Please choose one emoji, or write a text.") })));
    if (!me) return;
    text.fail("");
    show(me);
    toast(said);
  };
  const save = button(t("Set status"), () => {
    const status = { text: text.input.value.trim() || undefined, emoji: emoji.input.value.trim() || undefined, until: endOf(end) };
    return change(save, { status }, t("Status set"));
  });
  const clear = button(t("Clear status"), () => change(clear, { status: null }, t("Status cleared")));
  const quiet = select(t("Do not disturb"), quietTimes(), "", (value) =>
    store.client.updateMe({ doNotDisturbUntil: endOf(value) ?? null }).then(show, toastError));
  clear.hidden = true;
  mine.then(show, () => undefined);
  return [h("div.status-fields", null, emoji.row, text.row), ends, h("div.actions", null, clear, save), quiet, quietNote];
}

/** @param {string} choice hours, "day", or an empty text for never */
function endOf(choice) {
  if (!choice) return undefined;
  if (choice !== "day") return new Date(Date.now() + Number(choice) * HOUR_MS).toISOString();
  return new Date(new Date().setHours(24, 0, 0, 0)).toISOString();
}
