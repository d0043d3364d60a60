// The attachments of a message: pictures, recordings, videos and files, with states for "processing" and "failed".

import { icon } from "/client/ui/icons.js";
import { boxOf, fileWords } from "/client/ui/attachment_parts.js";
import { toastError } from "../components/toast.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { size } from "/client/ui/words.js";
import { audioPlayer } from "./audio_player.js";

const BOX_PX = { least: 120, width: 320, height: 360 };

export function attachments(store, message, actions) {
  const all = message.attachments ?? [];
  if (!all.length) return null;
  const album = all.length > 1 && all.every(({ kind, status }) => kind === "image" && status !== "failed");
  return h(album ? "div.attachments.album" : "div.attachments", null, all.map((attachment) => one(store, attachment, message, actions, album)));
}

function one(store, attachment, message, actions, album) {
  const { status, kind, mediaId } = attachment;
  const local = store.media.local(mediaId);
  if (status === "failed") return failed(attachment);
  if (kind === "image") return picture(store, attachment, local, () => actions.openPicture(attachment, message), album ? {} : boxOf(attachment, BOX_PX));
  if (status === "processing" && !local) return processing(attachment);
  if (kind === "audio") return audioPlayer(attachment, () => local ?? store.media.url(mediaId));
  if (kind === "video") return video(store, attachment, local);
  return file(store, attachment);
}

function picture(store, attachment, local, open, style) {
  const name = attachment.filename ?? t("Picture");
  const frame = h("button.picture", { type: "button", "aria-label": t("Open {name}", { name }), style, onclick: open, dataset: { broken: t("The picture cannot be shown.") } });
  frame.append(preview(attachment.blurhash));
  const show = (address) => {
    const image = h("img", { alt: name, src: address, decoding: "async" });
    image.onload = () => frame.classList.add("there");
    image.onerror = () => frame.classList.add("broken");
    frame.append(image);
  };
  if (local) show(local);
  else if (attachment.status !== "processing") store.media.url(attachment.mediaId, "thumbnail").then(show, () => frame.classList.add("broken"));
  if (attachment.status === "processing") frame.append(h("span.spinner", { role: "status", "aria-label": t("Processing") }));
  return frame;
}

/** A blank place, and the blurhash in it once the module that draws it has loaded. */
function preview(hash) {
  const blank = h("span.blank");
  const draw = ({ blurhash }) => {
    const canvas = blurhash(hash);
    if (canvas) blank.replaceWith(canvas);
  };
  if (hash) import("../components/blurhash.js").then(draw, () => undefined);
  return blank;
}

function video(store, attachment, local) {
  const player = h("video.video", { controls: true, preload: "none", style: boxOf(attachment, BOX_PX), "aria-label": attachment.filename ?? t("Video") });
  if (local) player.src = local;
  else store.media.url(attachment.mediaId).then((address) => (player.src = address), () => player.replaceWith(failed(attachment)));
  return player;
}

function file(store, attachment) {
  const open = async () => {
    try {
      const address = await store.media.url(attachment.mediaId);
      window.open(address, "_blank", "noopener,noreferrer");
    } catch (error) {
      toastError(error);
    }
  };
  return h("button.file", { type: "button", onclick: open }, h("span.sign", null, icon("file")), fileWords(attachment, size(attachment.bytes ?? 0)));
}

function processing(attachment) {
  return h("div.file", null, h("span.sign", null, h("span.spinner", { role: "status", "aria-label": t("Processing") })), fileWords(attachment, t("Processing…")));
}

function failed(attachment) {
  const why = { too_large: t("This picture is too large."), unreadable: t("This file is damaged."), deleted: t("This file was deleted.") }[attachment.code] ?? t("This file could not be processed.");
  return h("div.file.broken", null, h("span.sign", null, icon("warn")), fileWords(attachment, why));
}
