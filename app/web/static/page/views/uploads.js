// Files that are being uploaded, above the message field: their pictures, and the progress or the error of each.

import { iconButton } from "/client/ui/button.js";
import { icon } from "/client/ui/icons.js";
import { later } from "../components/later.js";
import { toast } from "../components/toast.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence, size } from "/client/ui/words.js";

const ERRORS = () => ({ too_large: t("This file is too large."), not_found: t("This server doesn't accept files.") });
// Other types are plain files for the server.
const KINDS = /^(image\/(jpeg|png|gif|webp|heic|heif|avif)|audio\/(aac|amr|flac|x-flac|mp4|x-m4a|mpeg|mp3|ogg|wav|x-wav|webm)|video\/(mp4|quicktime|webm|x-matroska))$/;
const SHOWN = /^(image\/(?!svg)|video\/)/;

export class Uploads {
  element = h("ul.uploads", { "aria-label": t("Attachments") });
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

  get some() {
    return this.#all.length > 0;
  }

  add(files) {
    if (this.#store.client.limits?.media === false) return void toast(t("This server doesn't accept files."));
    const room = (this.#store.client.limits?.maxAttachments ?? Infinity) - this.#all.length;
    if (files.length > room) toast(t("A message can have up to {count} attachments.", { count: this.#store.client.limits.maxAttachments }));
    for (const file of files.slice(0, Math.max(0, room))) this.upload(file).catch(() => undefined); // the error is shown next to the file
  }

  /** Uploads a file; resolves with the attachment. */
  async upload(file) {
    const upload = { file, control: new AbortController(), attachment: null, error: null, bar: null, url: SHOWN.test(file.type) ? URL.createObjectURL(file) : null };
    upload.look = this.#look(upload);
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
    this.#all.forEach(({ url }) => url && URL.revokeObjectURL(url));
    this.#all = [];
    this.#draw();
    return taken;
  }

  cancelAll() {
    [...this.#all].forEach((upload) => this.#remove(upload));
  }

  #remove(upload) {
    upload.control.abort();
    if (upload.url) URL.revokeObjectURL(upload.url);
    this.#all = this.#all.filter((one) => one !== upload);
    this.#draw();
  }

  #draw() {
    this.element.hidden = this.#all.length === 0;
    this.element.replaceChildren(...this.#all.map((upload) => this.#row(upload)));
    this.#changed();
  }

  /** The picture of the file, or a sign. A browser that cannot show the file (HEIC) gets the sign. */
  #look(upload) {
    const { file, url } = upload;
    const sign = h("span.look", null, icon("file"));
    if (!url) return sign;
    if (file.type.startsWith("video/")) return h("span.look", null, h("video", { src: `${url}#t=0.1`, muted: true, preload: "metadata", "aria-hidden": "true" }));
    const image = h("img", { src: url, alt: "" });
    const look = h("button.look", { type: "button", "aria-label": t("Preview {name}", { name: file.name }), onclick: () => this.#preview(upload) }, image);
    image.onerror = () => {
      look.replaceWith(sign);
      [upload.look, upload.url] = [sign, null];
    };
    return look;
  }

  #preview(upload) {
    const shown = this.#all.filter(({ look }) => look.matches("button"));
    const pictures = shown.map(({ file, url }) => ({ id: url, name: file.name, address: async () => url }));
    later(import("./lightbox.js"), ({ openLightbox }) => openLightbox(pictures, shown.indexOf(upload)));
  }

  #row(upload) {
    const { file, attachment, error } = upload;
    upload.bar = attachment || error ? null : h("progress", { max: "1", value: "0", "aria-label": t("Uploading {name}", { name: file.name }) });
    const words = () => sentence(error, error.limit ? { too_large: t("Too large. The limit is {size}.", { size: size(error.limit) }) } : ERRORS());
    const state = error ? h("span.detail", { role: "alert" }, icon("warn"), words()) : upload.bar ?? h("span.detail", null, size(file.size));
    return h("li", { class: error ? "broken" : "" }, upload.look,
      h("span.words", null, h("span.name", { dir: "auto" }, file.name), state),
      iconButton("close", t("Remove {name}", { name: file.name }), () => this.#remove(upload)));
  }
}

/** Throws `too_large` before the upload if the server would refuse the file. */
function checkSize(file, limits) {
  const { maxImageBytes: image, maxAudioBytes: audio, maxVideoBytes: video, maxFileBytes } = limits ?? {};
  const limit = KINDS.test(file.type) ? { image, audio, video }[file.type.split("/")[0]] : maxFileBytes;
  if (file.size > limit) throw Object.assign(new Error("too large"), { code: "too_large", limit });
}
