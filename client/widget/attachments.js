// The attachments of a message: pictures, recordings, videos and files.

import { boxOf, fileWords } from "../ui/attachment_parts.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { t } from "../ui/language.js";
import { size } from "../ui/words.js";

const BOX_PX = { least: 100, width: 240, height: 280 };

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

/** @param {any} attachment @param {(variant?: string) => Promise<string>} address */
function picture(attachment, address) {
  const image = h("img", { alt: attachment.filename ?? t("Picture"), decoding: "async" });
  address("thumbnail").then((url) => (image.src = url), () => undefined);
  return opener(h("span.picture", { style: boxOf(attachment, BOX_PX) }, image), attachment, address);
}

/** @param {any} attachment @param {(variant?: string) => Promise<string>} address */
function player(attachment, address) {
  const video = attachment.kind === "video";
  const label = attachment.filename ?? (video ? t("Video") : t("Voice message"));
  const element = h(video ? "video" : "audio", { controls: true, preload: "none", "aria-label": label, style: video ? boxOf(attachment, BOX_PX) : {} });
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
  return h("span.file", null, icon(sign), fileWords(attachment, detail));
}
