// Notices of new messages: the window title, an announcement for screen readers, and notifications in the background.

import { announce } from "../components/toast.js";
import { setBadge } from "../lib/install.js";
import { isMuted } from "/client/state/conversations.js";
import { BackgroundNotices } from "./background_notices.js";
import { preview } from "/client/ui/system_text.js";

export function installNotices(app) {
  const { store } = app;
  const background = new BackgroundNotices(app);
  let shown = -1;
  const title = () => {
    const unread = store.conversations.totalUnread();
    if (unread === shown) return;
    shown = unread;
    setBadge(unread);
    document.title = unread ? `(${unread}) Parley` : "Parley";
  };
  store.topics.on("conversations", title);
  store.onArrival(async (message) => {
    const { conversationId, senderId } = message;
    const known = store.conversations.get(conversationId);
    const conversation = known ?? (await store.conversations.fetch(conversationId).catch(() => null)); // somebody's first message
    await store.people.load([senderId]);
    if (app.blocked.has(senderId)) return; // the server notifies of none of their messages either
    if (!conversation || message.kind === "system" || (isMuted(conversation) && !(conversation.exceptMentions && store.conversations.names(message)))) return;
    background.onMessage(message, conversation).catch(reportError);
    announce(`${store.people.name(message.senderId)}: ${preview(store, message)}`);
  });
  title();
}
