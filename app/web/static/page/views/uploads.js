// Files that are being uploaded, above the message field, each with its progress or its error.

import { iconButton } from "../components/button.js";
import { icon } from "../components/icons.js";
import { toast } from "../components/toast.js";
import { h } from "../lib/dom.js";
import { sentence, size } from "../lib/words.js";

const ERRORS = { too_large: "This file is too large.", unsupported_media: "This type of file is not supported.", not_found: "This server doesn't accept files." };

export class Uploads {
  element = h("ul.uploads", { "aria-label": "Attachments" });
  #store;
  #id;
  #changed;
  #all = [];

  constructor(store, conversationId, changed) {
    [this.#store, this.#id, this.#changed] = [store, conversationId, changed];
    this.element.hidden = true;
  }

  /** Returns uploaded attachments, in the order in which they were added. */
  get ready() {
    return this.#all.filter((upload) => upload.attachment);
  }

  get busy() {
    return this.#all.some((upload) => !upload.attachment && !upload.error);
  }

  add(files) {
    const room = (this.#store.client.limits?.maxAttachments ?? Infinity) - this.#all.length;
    if (files.length > room) toast(`A message can have up to ${this.#store.client.limits.maxAttachments} attachments.`);
    for (const file of files.slice(0, Math.max(0, room))) this.upload(file).catch(() => undefined); // the error is shown next to the file
  }

  /** Uploads a file; resolves with the attachment. */
  async upload(file) {
    const upload = { file, control: new AbortController(), attachment: null, error: null, bar: null };
    this.#all.push(upload);
    this.#draw();
    const onProgress = (fraction) => upload.bar && (upload.bar.value = fraction);
    try {
      checkSize(file, this.#store.client.limits);
      upload.attachment = await this.#store.client.upload(file, this.#id, { onProgress, signal: upload.control.signal });
      const named = { filename: file.name, bytes: file.size, ...upload.attachment };
      this.#store.keepAttachment(named, file);
      return named;
    } catch (error) {
      upload.error = error;
      throw error;
    } finally {
      this.#draw();
    }
  }

  /** Returns the attachments for a message and clears the list. */
  take() {
    const taken = this.ready.map(({ attachment }) => ({ mediaId: attachment.mediaId }));
    this.#all = [];
    this.#draw();
    return taken;
  }

  cancelAll() {
    [...this.#all].forEach((upload) => this.#remove(upload));
  }

  #remove(upload) {
    upload.control.abort();
    this.#all = this.#all.filter((one) => one !== upload);
    this.#draw();
  }

  #draw() {
    this.element.hidden = this.#all.length === 0;
    this.element.replaceChildren(...this.#all.map((upload) => this.#row(upload)));
    this.#changed();
  }

  #row(upload) {
    const { file, attachment, error } = upload;
    upload.bar = attachment || error ? null : h("progress", { max: "1", value: "0", "aria-label": `Uploading ${file.name}` });
    const state = error ? h("span.detail", { role: "alert" }, sentence(error, error.limit ? { too_large: `Too large. The limit is ${size(error.limit)}.` } : ERRORS)) : upload.bar ?? h("span.detail", null, size(file.size));
    return h("li", { class: error ? "broken" : "" }, icon(error ? "warn" : attachment ? "check" : "file"),
      h("span.words", null, h("span.name", null, file.name), state),
      iconButton("close", `Remove ${file.name}`, () => this.#remove(upload)));
  }
}

/** Throws `too_large` before the upload if the server would refuse the file. */
function checkSize(file, limits) {
  const { maxImageBytes: image, maxAudioBytes: audio, maxVideoBytes: video, maxFileBytes } = limits ?? {};
  const limit = { image, audio, video }[file.type.split("/")[0]] ?? maxFileBytes;
  if (file.size > limit) throw Object.assign(new Error("too large"), { code: "too_large", limit });
}
