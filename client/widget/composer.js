// The field to write. Enter sends; Shift+Enter starts a new line. A file is sent as soon as it is uploaded.

import { iconButton } from "../ui/button.js";
import { fill, h } from "../ui/dom.js";
import { grow } from "../ui/grow.js";
import { isComposing } from "../ui/input_method.js";
import { icon } from "../ui/icons.js";
import { t } from "../ui/language.js";
import { limitLength } from "../ui/limit.js";
import { preview, replyTo } from "../ui/system_text.js";
import { sentence } from "../ui/words.js";

export class Composer {
  #store;
  #id;
  #onSent;
  #text;
  #files;
  #attach;
  #send;
  #state = h("p.state", { role: "status" });
  #above = h("div.above", { hidden: true });
  /** @type {any} */ #reply = null;
  /** @type {any} */ #edit = null;
  #stop = new AbortController();
  /** @type {(() => void)[]} */ #ends;

  /** @param {any} store @param {number} id @param {() => void} onSent */
  constructor(store, id, onSent) {
    [this.#store, this.#id, this.#onSent] = [store, id, onSent];
    this.#text = h("textarea", {
      rows: "1", placeholder: t("Message"), "aria-label": t("Message"), dir: "auto", enterkeyhint: "send",
      oninput: () => this.#onInput(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#onKey(event),
    });
    limitLength(this.#text, () => store.client.limits?.maxText, () => undefined);
    this.#files = h("input.unseen", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true", onchange: () => this.#onFiles() });
    this.#attach = iconButton("attach", t("Attach files"), () => this.#files.click());
    this.#send = iconButton("send", t("Send"), () => this.#submit(), { class: "send" });
    const row = h("div.row", null, this.#attach, this.#text, this.#send);
    this.element = h("form.composer", { onsubmit: (/** @type {Event} */ event) => event.preventDefault() }, this.#state, this.#above, this.#files, row);
    const { topics } = store;
    this.#ends = [topics.on(`draft:${id}`, () => this.#edit || this.#showDraft()), topics.on("connection", () => this.#refresh())];
    this.#showDraft();
  }

  focus() {
    if (!matchMedia("(hover: none)").matches) this.#text.focus(); // on a phone, this would open the keyboard
  }

  close() {
    this.#stop.abort();
    this.#ends.forEach((end) => end());
    void this.#store.drafts.save(this.#id);
  }

  /** @param {any} message */
  reply(message) {
    if (this.#edit) this.#cancel();
    this.#reply = message;
    this.#onInput();
    this.#text.focus();
  }

  /** Shows the text of the message in place of the draft, until it is sent or cancelled. @param {any} message @param {string} [text] */
  edit(message, text = message.message) {
    this.#edit = message;
    this.#text.value = text;
    this.#refresh();
    this.#text.focus();
  }

  /** @param {any} error */
  showError = (error) => fill(this.#state, sentence(error));

  /** Ends the edit, else the reply. */
  #cancel() {
    if (this.#edit) {
      this.#edit = null;
      this.#showDraft();
    } else {
      this.#reply = null;
      this.#onInput();
    }
    this.#text.focus();
  }

  #showDraft() {
    const { message, replyTo: id } = this.#store.drafts.of(this.#id);
    this.#text.value = message;
    this.#reply = id ? (this.#store.timeline(this.#id).find(id) ?? { id }) : null;
    this.#refresh();
  }

  #refresh() {
    this.#send.disabled = !this.#text.value.trim();
    this.#attach.hidden = !this.#store.client.limits?.media;
    this.#showAbove();
    grow(this.#text);
  }

  /** Shows which message is edited or answered. A draft may answer a message that is not loaded. */
  #showAbove() {
    const message = this.#edit ?? this.#reply;
    this.#above.hidden = !message;
    if (!message) return fill(this.#above);
    const who = this.#edit ? t("Edit message") : message.kind ? replyTo(this.#store, message.senderId) : t("Reply");
    return fill(this.#above, icon(this.#edit ? "edit" : "reply"),
      h("div.quote", null, h("span.who", null, who), message.kind ? h("span.what", { dir: "auto" }, preview(this.#store, message)) : null),
      iconButton("close", t("Cancel"), () => this.#cancel()));
  }

  #onInput() {
    if (this.#edit) return this.#refresh(); // an edit is no draft
    this.#store.drafts.set(this.#id, this.#text.value, this.#reply?.id);
    if (this.#text.value) this.#store.client.typing({ conversationId: this.#id });
    this.#refresh();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (isComposing(event)) return;
    if (event.key === "Escape" && (this.#edit || this.#reply)) {
      event.preventDefault(); // the chat stays open
      this.#cancel();
    }
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const message = this.#text.value.trim();
    if (!message) return;
    if (this.#edit) return void this.#submitEdit(this.#edit, message);
    this.#store.send({ conversationId: this.#id, message, replyTo: this.#reply?.id });
    this.#text.value = "";
    this.#reply = null;
    this.#store.drafts.clear(this.#id);
    this.#refresh();
    this.#onSent();
    this.#text.focus();
  }

  /** @param {any} message @param {string} text */
  async #submitEdit(message, text) {
    this.#cancel();
    if (text === message.message) return;
    try {
      await this.#store.client.edit(message.id, text, this.#id, message.editedAt ?? message.sentAt);
      this.#store.timeline(this.#id).update(message.id, { message: text }); // its event brings `editedAt`
    } catch (error) {
      this.showError(error);
      if (!this.#edit && !this.#stop.signal.aborted) this.edit(message, text);
    }
  }

  async #onFiles() {
    const files = [...this.#files.files];
    this.#files.value = "";
    for (const file of files) await this.#upload(file);
  }

  /** @param {File} file */
  async #upload(file) {
    fill(this.#state, t("Uploading {name}", { name: file.name }));
    try {
      const attachment = await this.#store.client.upload(file, this.#id, { signal: this.#stop.signal });
      this.#store.keepAttachment(attachment, file);
      this.#store.send({ conversationId: this.#id, message: "", attachments: [attachment] });
      fill(this.#state);
      this.#onSent();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.showError(error);
    }
  }
}
