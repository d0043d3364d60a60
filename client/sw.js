/** The service worker: shows, replaces and takes away notifications. It needs no token and keeps nothing. */

/** @typedef {{ conversationId: number, tag: string, badge?: number }} About */

const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("push", (/** @type {any} */ event) => {
  const payload = event.data ? event.data.json() : {};
  event.waitUntil(Promise.all([payload.type === "clear" ? clear(payload) : show(payload), badge(payload)]));
});

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.conversationId));
});

/** A second message of a conversation takes the place of the first. @param {About & { title?: string, body?: string, sentAt?: string }} payload */
function show({ conversationId, tag, title = "Parley", body = "", sentAt }) {
  const timestamp = sentAt ? Date.parse(sentAt) : Date.now();
  return worker.registration.showNotification(title, { body, tag, renotify: Boolean(tag), timestamp, data: { conversationId } });
}

/** It was read on another device. @param {About} payload */
async function clear({ tag }) {
  const shown = await worker.registration.getNotifications({ tag });
  for (const notification of shown) notification.close();
}

/** @param {About} payload */
async function badge({ badge }) {
  const { navigator } = worker;
  if (badge === undefined || !navigator.setAppBadge) return;
  // Refused where the page is not installed; the notification is there all the same.
  await (badge > 0 ? navigator.setAppBadge(badge) : navigator.clearAppBadge()).catch(() => {});
}

/** In a page that is open, or else a new one. @param {number} conversationId */
async function open(conversationId) {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!pages.length) return worker.clients.openWindow(`/#conversation=${conversationId}`);
  const page = pages.find((/** @type {any} */ one) => one.focused) ?? pages[0];
  page.postMessage({ type: "open_conversation", conversationId });
  return page.focus();
}
