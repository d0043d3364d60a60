import { openDialog } from "../components/dialog.js";
import { toast, toastError } from "../components/toast.js";
import { h } from "../lib/dom.js";
import { face, titleOf } from "./conversation_names.js";

/** Forwards a message to another conversation. */
export async function openForward({ store }, message) {
  const target = await openDialog("Forward to", (close) =>
    h("div.choices", null, store.conversations.list().map((conversation) =>
      h("button.person", { type: "button", onclick: () => close(conversation) },
        face(store, conversation), h("span.name", null, titleOf(store, conversation))))));
  if (!target) return;
  try {
    const { id, conversationId, senderId, sentAt, message: text, attachments } = message;
    const shown = { message: text, attachments, forwarded: message.forwarded ?? { senderId, sentAt } };
    store.send({ conversationId: target.id, forward: { id, conversationId } }, shown);
    toast(`Forwarded to ${titleOf(store, target)}`);
  } catch (error) {
    toastError(error);
  }
}
