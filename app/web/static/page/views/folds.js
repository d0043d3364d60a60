// Messages of blocked people in groups: folded into a line, if the user wants that, until they open it.

import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";

export const foldedWords = () => t("Message of somebody you blocked");

/** Returns whether what this user writes in this conversation is folded. */
export function isFolded(app, conversation, senderId) {
  return app.hidesBlocked && conversation.kind === "group" && app.blocked.has(senderId);
}

/** Returns the folds of an open conversation; `changed` is called after one was opened. */
export function foldsOf(app, changed) {
  const opened = new Set();
  return {
    has: (conversation, { id, senderId, kind }) => kind !== "system" && !opened.has(id) && isFolded(app, conversation, senderId),
    open: (messageId) => {
      opened.add(messageId);
      changed();
    },
  };
}

export function foldedRow(message, open) {
  return h("li.notice.folded", { id: `m-${message.id}`, dataset: { id: message.id, seq: message.seq } },
    h("span", null, foldedWords(), " ", h("button.link", { type: "button", onclick: () => open(message.id) }, t("Show"))));
}
