// The attachments of a message: pictures, recordings, videos and files.

import { h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { t } from "../ui/language.js";
import { size } from "../ui/words.js";

const MAX_WIDTH_PX = 240;
const MAX_HEIGHT_PX = 280;

/** @param {any} store @param {any} message */
export function attachments(store, message) {
  const all = message.attachments ?? [];
  return all.length ? h("div.attachments", null, all.map((/** @type {any} */ one) => shown(store, one))) : null;
}

/** @param {any} store @param {any} attachment */
function shown(store, attachment) {
  const { status, kind, mediaId } = attachment;
  const local = store.media.local(mediaId);
  if (status === "failed") return line("warn", attachment, t("This file could not be processed."));
  if (status === "processing" && !local) return line("clock", attachment, t("Processing…"));
  const address = (/** @type {string | undefined} */ variant) => (local ? Promise.resolve(local) : store.media.url(mediaId, variant));
  if (kind === "image") return picture(attachment, address);
  if (kind === "audio" || kind === "video") return player(attachment, address);
  return opener(line("file", attachment, size(attachment.bytes ?? 0)), attachment, address);
}

/** The box has its size before the picture loads, so that nothing jumps. @param {any} attachment */
function box({ width, height }) {
  const [w, tall] = [width || 4, height || 3];
  const scale = Math.min(MAX_WIDTH_PX / w, MAX_HEIGHT_PX / tall, width ? 1 : Infinity);
  return { width: `${Math.max(100, Math.round(w * scale))}px`, "aspect-ratio": `${w} / ${tall}` };
}

/** @param {any} attachment @param {(variant?: string) => Promise<string>} address */
function picture(attachment, address) {
  const image = h("img", { alt: attachment.filename ?? t("Picture"), decoding: "async" });
  address("thumbnail").then((url) => (image.src = url), () => undefined);
  return opener(h("span.picture", { style: box(attachment) }, image), attachment, address);
}

/** @param {any} attachment @param {(variant?: string) => Promise<string>} address */
function player(attachment, address) {
  const video = attachment.kind === "video";
  const label = attachment.filename ?? (video ? t("Video") : t("Voice message"));
  const element = h(video ? "video" : "audio", { controls: true, preload: "none", "aria-label": label, style: video ? box(attachment) : {} });
  address().then((url) => (element.src = url), () => undefined);
  return element;
}

/** Opens the whole file in a new window. @param {any} content @param {any} attachment @param {(variant?: string) => Promise<string>} address */
function opener(content, attachment, address) {
  const open = () => address().then((url) => window.open(url, "_blank", "noopener,noreferrer"), () => undefined);
  const name = attachment.filename ?? (attachment.kind === "image" ? t("Picture") : t("File"));
  return h("button.opener", { type: "button", "aria-label": t("Open {name}", { name }), onclick: open }, content);
}

/** @param {"file" | "warn" | "clock"} sign @param {any} attachment @param {string} detail */
function line(sign, attachment, detail) {
  return h("span.file", null, icon(sign),
    h("span.words", null, h("span.name", { dir: "auto" }, attachment.filename ?? t("File")), h("span.detail", null, detail)));
}
