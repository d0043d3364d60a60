import { toast, toastError } from "../components/toast.js";
import { t } from "/client/ui/language.js";
import { chooseConversation } from "./choose_conversation.js";
import { titleOf } from "/client/ui/conversation_names.js";

/** Forwards a message to another conversation. */
export async function openForward({ store }, message) {
  const target = await chooseConversation(store, t("Forward to"));
  if (!target) return;
  try {
    const { id, conversationId, senderId, sentAt, message: text, attachments } = message;
    const shown = { message: text, attachments, forwarded: message.forwarded ?? { senderId, sentAt } };
    store.send({ conversationId: target.id, forward: { id, conversationId } }, shown);
    toast(t("Forwarded to {name}", { name: titleOf(store, target) }));
  } catch (error) {
    toastError(error);
  }
}
