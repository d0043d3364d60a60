// The message field: a growing text, files, voice, and the reply or edit above it. Enter sends; Shift+Enter starts a new line.

import { busy, iconButton } from "/client/ui/button.js";
import { pickEmoji } from "../components/emoji.js";
import { later } from "../components/later.js";
import { icon } from "/client/ui/icons.js";
import { toastError } from "../components/toast.js";
import { cutWords } from "../components/field.js";
import { fill, h } from "/client/ui/dom.js";
import { grow } from "/client/ui/grow.js";
import { plural, t } from "/client/ui/language.js";
import { isComposing } from "/client/ui/input_method.js";
import { canRecord } from "../lib/microphone.js";
import { fewLeft, limitLength } from "/client/ui/limit.js";
import { liveText } from "./live_text.js";
import { preview, replyTo } from "/client/ui/system_text.js";
import { Uploads } from "./uploads.js";

export class Composer {
  #uploads;
  /** @type {import("./completion.js").Completion | undefined} */ #completion;
  /** @type {any} */ #recorder = null;
  #text;
  #files;
  #send;
  #voice;
  #attach;
  #row;
  #above = h("div.above", null);
  #room = h("p.room", { role: "status", hidden: true });
  #cut = 0; // code points that were cut from the last text
  #app;
  #id;
  #onSent;
  #ends;
  #reply = null;
  #edit = null;

  /** @param {any} app @param {number} conversationId @param {() => void} onSent */
  constructor(app, conversationId, onSent) {
    [this.#app, this.#id, this.#onSent] = [app, conversationId, onSent];
    this.#uploads = new Uploads(app.store, conversationId, () => this.#refresh());
    this.#text = h("textarea", {
      rows: "1", placeholder: t("Message"), "aria-label": t("Message"), dir: "auto", enterkeyhint: "send",
      oninput: () => this.#onInput(), onkeydown: (event) => this.#onKey(event), onpaste: (event) => this.#onPaste(event),
    });
    this.#files = h("input.unseen", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true", onchange: () => this.#onFiles() });
    this.#send = iconButton("send", t("Send"), () => this.#submit(), { class: "send" });
    this.#voice = iconButton("mic", t("Record a voice message"), () => busy(this.#voice, () => this.#record(), toastError), { class: "voice" });
    this.#attach = iconButton("attach", t("Attach files"), () => this.#files.click());
    this.#row = h("div.row", null,
      this.#attach, this.#text,
      iconButton("smile", t("Emoji"), () => this.#pickEmoji()), this.#voice, this.#send);
    this.element = h("form.composer", { onsubmit: (event) => event.preventDefault() },
      this.#above, this.#uploads.element, this.#files, this.#row, this.#room);
    this.#text.addEventListener("focus", () => this.#complete(), { once: true });
    limitLength(this.#text, () => this.#limit, (cut) => this.#onInput(cut));
    const { topics } = app.store;
    const ends = [topics.on(`draft:${conversationId}`, () => this.#edit || this.#showDraft()), topics.on("connection", () => this.#refresh())];
    this.#ends = () => ends.forEach((end) => end());
    this.#showDraft();
  }

  /** Loads the completion of names and emoji. If that fails, the field works without it. */
  async #complete() {
    const { Completion } = await import("./completion.js").catch(() => ({ Completion: null }));
    if (!Completion) return;
    this.#completion = new Completion(this.#text, this.#app, () => this.#app.store.conversations.get(this.#id));
    this.#row.before(this.#completion.element);
  }

  /** Shows the draft: the text, and the message that it answers. */
  #showDraft() {
    const { message, replyTo } = this.#app.store.drafts.of(this.#id);
    this.#text.value = message;
    this.#reply = replyTo ? (this.#app.store.timeline(this.#id).find(replyTo) ?? { id: replyTo, kind: "unknown" }) : null;
    if (this.#reply?.kind === "unknown") this.#findReply(replyTo);
    this.#refresh();
  }

  /** Loads the message that a draft of another day or device answers. Drops the reply if that message does not exist. */
  async #findReply(id) {
    const gone = (error) => (error.code === "not_found" ? null : this.#reply);
    const found = await this.#app.store.message(this.#id, id).catch(gone);
    if (this.#reply?.id !== id) return;
    this.#reply = found?.deletedAt ? null : found;
    this.#keepDraft();
    this.#refresh();
  }

  /** An edit is never a draft. */
  #keepDraft() {
    if (!this.#edit) this.#app.store.drafts.set(this.#id, this.#text.value, this.#reply?.id);
  }

  focus() {
    this.#text.focus();
    grow(this.#text);
  }

  close() {
    this.#ends();
    this.#app.store.drafts.save(this.#id);
    this.#recorder?.cancel();
    this.#uploads.cancelAll();
  }

  /** Adds to the draft. @param {{ text: string, files: File[] }} given */
  add({ text, files }) {
    this.#endEdit();
    const before = this.#text.value.trimEnd();
    this.#text.value = [before, text].filter(Boolean).join("\n");
    this.#text.dispatchEvent(new Event("input")); // cuts it to the limit and keeps the draft
    if (files.length) this.addFiles(files);
  }

  addFiles(files) {
    this.#uploads.add(files);
  }

  reply(message) {
    this.#endEdit();
    this.#reply = message;
    this.#keepDraft();
    this.#refresh();
    this.focus();
  }

  /** Shows the message's text instead of the draft. The draft, with the reply it belongs to, comes back afterwards. */
  edit(message, text = message.message) {
    this.#edit = message;
    this.#text.value = text;
    this.#refresh();
    this.focus();
  }

  /** Returns the user's last editable message; ArrowUp in an empty field edits it. */
  onEditLast = () => undefined;

  /** Cancels the edit, else the reply. */
  #cancel() {
    if (!this.#endEdit()) {
      this.#reply = null;
      this.#keepDraft();
    }
    this.#refresh();
    this.focus();
  }

  /** Shows the draft again. Returns false if nothing was being edited. */
  #endEdit() {
    if (!this.#edit) return false;
    this.#edit = null;
    this.#showDraft();
    return true;
  }

  /** `cut`: how many code points did not fit. */
  #onInput(cut = 0) {
    this.#cut = cut;
    this.#keepDraft();
    this.#refresh();
    if (this.#text.value && !this.#edit) this.#app.store.client.typing({ conversationId: this.#id });
  }

  #onKey(event) {
    if (isComposing(event) || this.#completion?.onKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && (this.#reply || this.#edit)) {
      event.stopPropagation();
      this.#cancel();
    } else if (event.key === "ArrowUp" && !event.altKey && !this.#text.value) {
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
    if (!matchMedia("(hover: none)").matches) this.focus(); // for a caption; on a phone, the keyboard would cover the pictures
  }

  async #pickEmoji() {
    const emoji = await pickEmoji(t("Emoji"));
    if (!emoji) return;
    this.#text.setRangeText(emoji, this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#text.dispatchEvent(new InputEvent("input"));
    this.focus();
  }

  #submit() {
    this.#completion?.close();
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
    this.#endEdit();
    this.#refresh();
    if (text === message.message) return;
    try {
      await this.#app.store.client.edit(message.id, text, this.#id, message.editedAt ?? message.sentAt);
      this.#app.store.timeline(this.#id).update(message.id, { message: text }); // its event brings `editedAt`
    } catch (error) {
      toastError(error);
      if (!this.#edit) this.edit(message, text); // else another message is being edited by now
    }
  }

  async #sendVoice(file) {
    const uploaded = await this.#uploads.upload(file).catch(toastError);
    if (uploaded) this.#dispatch({ conversationId: this.#id, message: "", attachments: this.#uploads.take() });
  }

  async #record() {
    this.#recorder ??= await later(import("./recorder.js"), ({ Recorder }) => new Recorder((file) => this.#sendVoice(file), (on) => this.#showRecording(on)));
    if (this.#recorder && this.element.isConnected) await this.#recorder.start(this.element);
  }

  #showRecording(recording) {
    this.#row.hidden = recording;
    if (!recording) this.focus();
  }

  #clear() {
    this.#text.value = "";
    this.#reply = null;
    this.#app.store.drafts.clear(this.#id);
    this.#refresh();
  }

  #refresh() {
    const hasContent = Boolean(this.#text.value.trim()) || this.#uploads.ready.length > 0;
    const media = this.#app.store.client.limits?.media !== false;
    const voice = media && canRecord() && !hasContent && !this.#edit && !this.#uploads.busy;
    this.#attach.hidden = !media;
    this.#text.placeholder = this.#uploads.some && !this.#edit ? t("Add a caption") : t("Message");
    this.#voice.hidden = !voice;
    this.#send.hidden = voice;
    this.#send.disabled = !hasContent || this.#uploads.busy;
    this.#showLimit();
    this.#showAbove();
    grow(this.#text);
  }

  get #limit() {
    return this.#app.store.client.limits?.maxText;
  }

  /** Says that a text was cut, until the next change, or how little room is left. */
  #showLimit() {
    const left = fewLeft(this.#text.value, this.#limit);
    const words = left === null ? "" : this.#cut ? cutWords(this.#limit, this.#cut) : plural(left, "{count} character left", "{count} characters left");
    if (this.#room.textContent !== words) this.#room.textContent = words;
    this.#room.hidden = !words;
  }

  #showAbove() {
    const message = this.#edit ?? this.#reply;
    if (!message) return void fill(this.#above);
    const { store } = this.#app;
    const known = message.kind !== "unknown";
    const to = () => (known ? replyTo(store, message.senderId) : t("Reply"));
    fill(this.#above, icon(this.#edit ? "edit" : "reply"),
      h("div.about", null, h("p.who", null, this.#edit ? t("Edit message") : liveText(store, to)), h("p.what", { dir: "auto" }, known ? preview(store, message) : "…")),
      iconButton("close", t("Cancel"), () => this.#cancel()));
  }
}
