// The message field: a growing text, files, voice, and the reply or edit above it. Enter sends; Shift+Enter starts a new line.

import { iconButton } from "../components/button.js";
import { emojiGrid } from "../components/emoji.js";
import { openDialog } from "../components/dialog.js";
import { icon } from "../components/icons.js";
import { toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { preview } from "./system_text.js";
import { Recorder, canRecord } from "./recorder.js";
import { Uploads } from "./uploads.js";

const MAX_HEIGHT_PX = 180;
const drafts = new Map(); // conversation id → text, until the page closes

export class Composer {
  #uploads;
  #recorder;
  #text;
  #files;
  #send;
  #voice;
  #row;
  #above = h("div.above", null);
  #app;
  #id;
  #onSent;
  #reply = null;
  #edit = null;

  /** @param {any} app @param {number} conversationId @param {() => void} onSent */
  constructor(app, conversationId, onSent) {
    [this.#app, this.#id, this.#onSent] = [app, conversationId, onSent];
    this.#uploads = new Uploads(app.store, conversationId, () => this.#refresh());
    this.#recorder = new Recorder((file) => this.#sendVoice(file), (recording) => this.#showRecording(recording));
    this.#text = h("textarea", {
      rows: "1", placeholder: "Message", "aria-label": "Message", dir: "auto", enterkeyhint: "send",
      oninput: () => this.#onInput(), onkeydown: (event) => this.#onKey(event), onpaste: (event) => this.#onPaste(event),
    });
    this.#files = h("input.unseen", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true", onchange: () => this.#onFiles() });
    this.#send = iconButton("send", "Send", () => this.#submit(), { class: "send" });
    this.#voice = iconButton("mic", "Record a voice message", () => this.#recorder.start(), { class: "voice" });
    this.#row = h("div.row", null,
      iconButton("attach", "Attach files", () => this.#files.click()), this.#text,
      iconButton("smile", "Emoji", () => this.#pickEmoji()), this.#voice, this.#send);
    this.element = h("form.composer", { onsubmit: (event) => event.preventDefault() },
      this.#above, this.#uploads.element, this.#files, this.#row, this.#recorder.element);
    this.#text.value = drafts.get(conversationId) ?? "";
    this.#refresh();
  }

  focus() {
    this.#text.focus();
    this.#grow();
  }

  close() {
    this.#recorder.cancel();
    this.#uploads.cancelAll();
  }

  addFiles(files) {
    this.#uploads.add(files);
  }

  reply(message) {
    [this.#reply, this.#edit] = [message, null];
    this.#refresh();
    this.focus();
  }

  edit(message) {
    [this.#edit, this.#reply] = [message, null];
    this.#text.value = message.message;
    this.#refresh();
    this.focus();
  }

  /** Returns the user's last editable message; ArrowUp in an empty field edits it. */
  onEditLast = () => undefined;

  #cancel() {
    if (this.#edit) this.#text.value = "";
    this.#reply = this.#edit = null;
    this.#refresh();
    this.focus();
  }

  #onInput() {
    drafts.set(this.#id, this.#text.value);
    this.#refresh();
    if (this.#text.value && !this.#edit) this.#app.store.client.typing({ conversationId: this.#id });
  }

  #onKey(event) {
    if (event.isComposing) return; // an input method is still composing a word
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && (this.#reply || this.#edit)) {
      event.stopPropagation();
      this.#cancel();
    } else if (event.key === "ArrowUp" && !this.#text.value) {
      const last = this.onEditLast();
      if (last) {
        event.preventDefault();
        this.edit(last);
      }
    }
  }

  #onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.addFiles(files);
  }

  #onFiles() {
    this.addFiles([...this.#files.files]);
    this.#files.value = "";
  }

  async #pickEmoji() {
    const emoji = await openDialog("Emoji", (close) => emojiGrid(close));
    if (!emoji) return;
    this.#text.setRangeText(emoji, this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#onInput();
    this.focus();
  }

  #submit() {
    const text = this.#text.value.trim();
    if (this.#edit) return this.#submitEdit(text);
    if (this.#uploads.busy || (!text && !this.#uploads.ready.length)) return undefined;
    const attachments = this.#uploads.take();
    const outgoing = { conversationId: this.#id, message: text };
    if (attachments.length) outgoing.attachments = attachments;
    if (this.#reply) outgoing.replyTo = this.#reply.id;
    this.#clear();
    return this.#dispatch(outgoing);
  }

  #dispatch(outgoing) {
    const { store } = this.#app;
    store.send(outgoing);
    store.client.typing({ conversationId: this.#id }, false);
    this.#onSent();
  }

  async #submitEdit(text) {
    const message = this.#edit;
    if (!text) return;
    this.#clear();
    if (text === message.message) return;
    try {
      await this.#app.store.client.edit(message.id, text, this.#id, message.editedAt ?? message.sentAt);
      this.#app.store.timeline(this.#id).update(message.id, { message: text }); // its event brings `editedAt`
    } catch (error) {
      toastError(error);
      this.edit(message);
      this.#text.value = text;
    }
  }

  async #sendVoice(file) {
    const uploaded = await this.#uploads.upload(file).catch(toastError);
    if (uploaded) this.#dispatch({ conversationId: this.#id, message: "", attachments: this.#uploads.take() });
  }

  #showRecording(recording) {
    this.#row.hidden = recording;
    if (!recording) this.focus();
  }

  #clear() {
    this.#text.value = "";
    drafts.delete(this.#id);
    this.#reply = this.#edit = null;
    this.#refresh();
  }

  #refresh() {
    const hasContent = Boolean(this.#text.value.trim()) || this.#uploads.ready.length > 0;
    const voice = canRecord() && !hasContent && !this.#edit && !this.#uploads.busy;
    this.#voice.hidden = !voice;
    this.#send.hidden = voice;
    this.#send.disabled = !hasContent || this.#uploads.busy;
    const { limits } = this.#app.store.client;
    if (limits) this.#text.maxLength = limits.maxText;
    this.#showAbove();
    this.#grow();
  }

  #showAbove() {
    const message = this.#edit ?? this.#reply;
    if (!message) return void fill(this.#above);
    const { store } = this.#app;
    const title = this.#edit ? "Edit message" : `Reply to ${store.people.name(message.senderId)}`;
    fill(this.#above, icon(this.#edit ? "edit" : "reply"),
      h("div.about", null, h("p.who", null, title), h("p.what", null, preview(store, message))),
      iconButton("close", "Cancel", () => this.#cancel()));
  }

  /** Sizes the field by its content in browsers that do not do it themselves. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    const { style } = this.#text;
    style.setProperty("height", "auto");
    style.setProperty("height", `${Math.min(this.#text.scrollHeight, MAX_HEIGHT_PX)}px`);
  }
}
