// The messages that the user starred.

import { openDialog } from "../components/dialog.js";
import { hit } from "../components/hit.js";
import { moreButton } from "../components/more.js";
import { fill, h } from "/client/ui/dom.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { t } from "/client/ui/language.js";
import { preview } from "/client/ui/system_text.js";
import { liveText } from "./live_text.js";

/** @param {any} app */
export function openStarred(app) {
  const { client } = app.store;
  openDialog(t("Starred messages"), (close) => {
    const [rows, state] = [h("ul.rows"), h("div.state")];
    const load = async (before) => {
      fill(state, spinner(t("Loading starred messages")));
      try {
        const { messages, cursor } = await client.starred({ before });
        rows.append(...messages.map((message) => h("li", null, row(app, message, close))));
        const end = rows.childElementCount ? [] : [empty("star", t("No starred messages"))];
        fill(state, ...(cursor ? [moreButton(rows, () => load(cursor))] : end));
      } catch (error) {
        fill(state, failure(error, () => load(before)));
      }
    };
    load();
    return h("div.results", null, rows, state);
  });
}

function row(app, message, close) {
  const act = () => {
    close();
    app.open(message.conversationId, message.seq);
  };
  const name = liveText(app.store, () => app.store.people.name(message.senderId));
  return hit(name, message.sentAt, preview(app.store, message), act);
}
