// Notifications and sounds for messages that arrive while the user looks elsewhere and the page is open. Pushes are for
// pages that are closed. A notification has the tag that a push would have, so the two replace each other.

import { playSound } from "../components/sound.js";
import { Attention } from "../lib/attention.js";
import { t } from "/client/ui/language.js";
import { mayShow, noticeChoices } from "../lib/notice_choices.js";
import { inQuietTime } from "../lib/quiet_time.js";
import { titleOf } from "/client/ui/conversation_names.js";
import { preview } from "/client/ui/system_text.js";
import { isQuiet } from "./user_status.js";

const MAX_TEXT = 200;

export class BackgroundNotices {
  #app;
  #attention;
  #shown = new Map(); // conversation id → {message, preview, close} of its notification

  constructor(app) {
    this.#app = app;
    this.#attention = new Attention(`parley:notices:${app.store.me.id}`);
    app.store.topics.on("conversations", () => this.#closeRead());
    app.store.client.on("message_updated", (message) => this.#correct(message));
    app.store.client.on("message_deleted", (message) => this.#correct(message, true));
  }

  /** Called for every message that may be announced. */
  async onMessage(message, conversation) {
    const { show, sound } = noticeChoices();
    const shows = show && mayShow();
    if (!(shows || sound) || !(await this.#attention.wanted())) return;
    const settings = await this.#app.store.pushSettings();
    const { store } = this.#app;
    if (inQuietTime(settings.doNotDisturb, new Date()) || isQuiet(store.people.get(store.me.id))) return;
    if (sound) playSound().catch(() => undefined);
    if (shows) await this.#show(conversation, message, settings.preview ?? "full", true);
  }

  #words(message, conversation, shown) {
    const { store } = this.#app;
    if (shown === "none") return { title: t("New message"), body: "" };
    const text = shown === "full" ? preview(store, message) : t("New message");
    const body = conversation.kind === "group" ? `${store.people.name(message.senderId)}: ${text}` : text;
    return { title: titleOf(store, conversation), body: [...body].slice(0, MAX_TEXT).join("") };
  }

  /** Shows the new text of an edited message or, after a deletion, the previous unread message. */
  #correct({ conversationId, id, ...changes }, deleted = false) {
    const shown = this.#shown.get(conversationId);
    const conversation = this.#app.store.conversations.get(conversationId);
    if (!conversation || shown?.message.id !== id) return;
    const message = deleted ? this.#unreadBefore(conversation, shown.message.seq) : { ...shown.message, ...changes };
    if (message) return void this.#show(conversation, message, shown.preview, false).catch(reportError);
    this.#shown.delete(conversationId);
    shown.close();
  }

  #unreadBefore(conversation, seq) {
    const { store, blocked } = this.#app;
    const read = store.conversations.readSeqOf(conversation);
    const unread = store.timeline(conversation.id).slice(read + 1, seq - 1).reverse();
    return unread.find((m) => !m.deletedAt && m.kind !== "system" && m.senderId !== store.me.id && !blocked.has(m.senderId));
  }

  async #show(conversation, message, shown, renotify) {
    const { id } = conversation;
    const { title, body } = this.#words(message, conversation, shown);
    const options = { body, tag: `conversation-${id}`, renotify, silent: true, data: { conversationId: id } };
    const keep = (close) => this.#shown.set(id, { message, preview: shown, close });
    const registration = await navigator.serviceWorker?.getRegistration("./");
    if (registration?.active) {
      await registration.showNotification(title, options);
      keep(async () => (await registration.getNotifications({ tag: options.tag })).forEach((one) => one.close()));
    } else {
      const notification = new Notification(title, options);
      notification.onclick = () => {
        window.focus();
        this.#app.open(id);
        notification.close();
      };
      keep(() => notification.close());
    }
  }

  /** Closes the notifications of conversations that have been read, here or elsewhere. */
  #closeRead() {
    for (const [id, { close }] of this.#shown) {
      if (this.#app.store.conversations.get(id)?.unread) continue;
      this.#shown.delete(id);
      close();
    }
  }
}
