// Files on their way to the server, under the composer: each with its progress, and with what went wrong.

import { iconButton } from "../components/button.js";
import { icon } from "../components/icons.js";
import { h } from "../lib/dom.js";
import { sentence, size } from "../lib/words.js";

const TOO_LARGE = { too_large: "Too large.", unsupported_media: "Not accepted here.", not_found: "This server takes no files." };

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

  /** Attachments that are there, in the order in which they were added. */
  get ready() {
    return this.#all.filter((upload) => upload.attachment);
  }

  get busy() {
    return this.#all.some((upload) => !upload.attachment && !upload.error);
  }

  add(files) {
    for (const file of files) this.upload(file).catch(() => undefined); // shown beside the file
  }

  /** Resolves with the attachment. */
  async upload(file) {
    const upload = { file, control: new AbortController(), attachment: null, error: null, bar: null };
    this.#all.push(upload);
    this.#draw();
    const onProgress = (fraction) => upload.bar && (upload.bar.value = fraction);
    try {
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

  /** The attachments for a message; the list is empty after it. */
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
    const state = error ? h("span.detail", { role: "alert" }, sentence(error, TOO_LARGE)) : upload.bar ?? h("span.detail", null, size(file.size));
    return h("li", { class: error ? "broken" : "" }, icon(error ? "warn" : attachment ? "check" : "file"),
      h("span.words", null, h("span.name", null, file.name), state),
      iconButton("close", `Remove ${file.name}`, () => this.#remove(upload)));
  }
}
