/** The service worker: shows, replaces and clears notifications. It needs no token and stores nothing. */

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

/** Shows a notification; it replaces the previous one of the same conversation. @param {About & { title?: string, body?: string, sentAt?: string }} payload */
function show({ conversationId, tag, title = "Parley", body = "", sentAt }) {
  const timestamp = sentAt ? Date.parse(sentAt) : Date.now();
  return worker.registration.showNotification(title, { body, tag, renotify: Boolean(tag), timestamp, data: { conversationId } });
}

/** Clears the notification after the user read the message on another device. @param {About} payload */
async function clear({ tag }) {
  const shown = await worker.registration.getNotifications({ tag });
  for (const notification of shown) notification.close();
}

/** @param {About} payload */
async function badge({ badge }) {
  const { navigator } = worker;
  if (badge === undefined || !navigator.setAppBadge) return;
  // Browsers refuse this for pages that are not installed; the notification is shown anyway.
  await (badge > 0 ? navigator.setAppBadge(badge) : navigator.clearAppBadge()).catch(() => {});
}

/** Opens the conversation in an open page, or in a new one. @param {number} conversationId */
async function open(conversationId) {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!pages.length) return worker.clients.openWindow(`/#conversation=${conversationId}`);
  const page = pages.find((/** @type {any} */ one) => one.focused) ?? pages[0];
  page.postMessage({ type: "open_conversation", conversationId });
  return page.focus();
}
