// The earlier texts of a message.

import { openDialog } from "../components/dialog.js";
import { toastError } from "../components/toast.js";
import { busy, button } from "/client/ui/button.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { exactly } from "/client/ui/times.js";

/** Rejects if the texts cannot be loaded. @param {any} client @param {any} message */
export async function openEdits(client, message) {
  const list = h("ol.plain");
  let before;
  const more = button(t("Earlier texts"), () => busy(more, load, toastError), "plain");
  async function load() {
    const page = await client.edits(message.id, { conversationId: message.conversationId, before });
    before = page.cursor;
    more.hidden = !page.hasMore;
    list.prepend(...page.edits.map((edit) => h("li", null, h("p", { dir: "auto" }, edit.message), h("small", null, exactly(edit.editedAt)))));
  }
  await load();
  await openDialog(t("Edit history"), () => h("div", null, more, list));
}
