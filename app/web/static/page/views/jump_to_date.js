// Asks for a day and shows the conversation at its first message.

import { button } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { field } from "../components/field.js";
import { toast, toastError } from "../components/toast.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";

export async function jumpToDate(app, conversationId) {
  const day = await openDialog(t("Jump to a date"), (close) => {
    const { row, input } = field(t("Date"), { type: "date", required: true, autofocus: true, max: isoDay(new Date()) });
    const submit = (event) => {
      event.preventDefault();
      close(input.value);
    };
    return h("form", { onsubmit: submit }, row,
      h("div.actions", null, button(t("Cancel"), () => close()), h("button.button.primary", { type: "submit" }, t("Jump"))));
  });
  if (!day) return;
  try {
    const at = new Date(`${day}T00:00`).toISOString(); // midnight where the user is
    const seq = await app.store.timeline(conversationId).loadAround({ at });
    if (seq) await app.open(conversationId, seq);
    else toast(t("There are no messages yet."));
  } catch (error) {
    toastError(error);
  }
}

function isoDay(date) {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
