// Opens the pictures of a conversation in the viewer.

import { later } from "../components/later.js";
import { t } from "/client/ui/language.js";
import { exactly } from "/client/ui/times.js";

const MAX_PAGES = 5; // of messages that are loaded to find earlier pictures

/**
 * Shows a picture of a message, with the other pictures of its conversation before and after it, or with those of `among`.
 * @param {any} store @param {any} attachment @param {any} message @param {any[]} [among] messages in order
 */
export function openPicture(store, attachment, message, among) {
  const timeline = store.timeline(message.conversationId);
  const seq = message.seq ?? timeline.lastSeq;
  const shown = picturesIn(store, among ?? timeline.around(seq));
  const own = picturesIn(store, [message]);
  const all = shown.some(({ id }) => id === attachment.mediaId) ? shown : own;
  const index = all.findIndex(({ id }) => id === attachment.mediaId);
  if (index < 0) return undefined; // it is still being processed
  const earlier = all === shown && !among ? () => earlierPictures(store, timeline, seq) : undefined;
  return later(import("./lightbox.js"), ({ openLightbox }) => openLightbox(all, index, { earlier }));
}

/** Returns the pictures of these messages, for the viewer. */
export function picturesIn(store, messages) {
  return messages.filter((message) => !message.deletedAt && !store.isFolded(store.conversations.get(message.conversationId) ?? {}, message.senderId))
    .flatMap((message) => (message.attachments ?? []).filter((one) => isShown(store, one)).map((one) => pictureOf(store, one, message)));
}

function isShown(store, { kind, status, mediaId }) {
  return kind === "image" && (status === "ready" || Boolean(store.media.local(mediaId)));
}

function pictureOf(store, { mediaId, filename }, { senderId, sentAt, message }) {
  return {
    id: mediaId,
    name: filename ?? t("Picture"),
    address: async () => store.media.local(mediaId) ?? store.media.url(mediaId),
    caption: message,
    about: `${store.people.name(senderId)} · ${exactly(sentAt)}`,
  };
}

/** Loads messages before those that are known, until there are pictures among them. */
async function earlierPictures(store, timeline, seq) {
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const known = timeline.knownFrom(seq);
    if (known <= 1) return [];
    await timeline.loadBefore(known);
    const found = picturesIn(store, timeline.slice(timeline.knownFrom(seq), known - 1));
    if (found.length) return found;
  }
  return [];
}
