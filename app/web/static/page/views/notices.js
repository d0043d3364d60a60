// Notices for users who look elsewhere: the window title, and an announcement for screen readers. The service worker
// shows notifications.

import { announce } from "../components/toast.js";
import { isMuted } from "../store/conversations.js";
import { preview } from "./system_text.js";

export function installNotices(app) {
  const { store } = app;
  const title = () => {
    const unread = store.conversations.totalUnread();
    document.title = unread ? `(${unread}) Parley` : "Parley";
  };
  store.topics.on("conversations", title);
  store.onArrival((message) => {
    const conversation = store.conversations.get(message.conversationId);
    if (!conversation || message.kind === "system" || (isMuted(conversation) && !(conversation.exceptMentions && mine(store, message)))) return;
    announce(`${store.people.name(message.senderId)}: ${preview(store, message)}`);
  });
  title();
}

function mine(store, message) {
  return message.mentionsAll || message.mentions?.includes(store.me.id);
}
