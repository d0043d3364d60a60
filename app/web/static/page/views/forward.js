import { openDialog } from "../components/dialog.js";
import { toast, toastError } from "../components/toast.js";
import { h } from "../lib/dom.js";
import { face, titleOf } from "./conversation_names.js";

/** Pass a message on into another conversation. */
export async function openForward({ store }, message) {
  const target = await openDialog("Forward to", (close) =>
    h("div.choices", null, store.conversations.list().map((conversation) =>
      h("button.person", { type: "button", onclick: () => close(conversation) },
        face(store, conversation), h("span.name", null, titleOf(store, conversation))))));
  if (!target) return;
  try {
    store.send({ conversationId: target.id, message: message.message ?? "", forward: { id: message.id, conversationId: message.conversationId } });
    toast(`Forwarded to ${titleOf(store, target)}`);
  } catch (error) {
    toastError(error);
  }
}
