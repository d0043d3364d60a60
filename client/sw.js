/**
 * The service worker: shows, replaces and clears notifications, and passes on what other apps share with the installed
 * page. It needs no token. It stores only shared content, until the page takes it.
 */

/** @typedef {{ conversationId: number, tag: string, badge?: number }} About */

const worker = /** @type {any} */ (self);

const SHARED = "parley-shared";
const ROOT = new URL("./", worker.location.href).pathname; // "/", or the prefix below which the server is mounted
const [ICON, BADGE] = [`${ROOT}static/icons/app-192.png`, `${ROOT}static/icons/badge-96.png`];

worker.addEventListener("install", (/** @type {any} */ event) => {
  worker.skipWaiting();
  // Browsers that know routes do not start the worker for other requests. The others do, and go on to the network.
  event.waitUntil(Promise.resolve(event.addRoutes?.({ condition: { not: { urlPattern: `${ROOT}share` } }, source: "network" })).catch(() => {}));
});
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("push", (/** @type {any} */ event) => {
  const payload = event.data ? event.data.json() : {};
  event.waitUntil(Promise.all([payload.type === "clear" ? clear(payload) : show(payload), badge(payload)]));
});

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.conversationId));
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method === "POST" && new URL(request.url).pathname === `${ROOT}share`) event.respondWith(share(request));
});

/** Keeps content of another app, and opens the page, which takes it. @param {Request} request @returns {Promise<Response>} */
async function share(request) {
  const form = await request.formData();
  const kept = await caches.open(SHARED);
  for (const old of await kept.keys()) await kept.delete(old);
  const texts = ["title", "text", "url"].map((name) => String(form.get(name) ?? "").trim());
  const once = [...new Set(texts)].filter((text, _, all) => !all.some((other) => other !== text && other.includes(text))); // apps repeat themselves
  await kept.put("/share/text", new Response(once.join("\n")));
  const files = /** @type {File[]} */ (form.getAll("files").filter((file) => file instanceof File && file.size > 0));
  await Promise.all(files.map((file, index) => {
    const headers = { "Content-Type": file.type || "application/octet-stream", "X-Name": encodeURIComponent(file.name) };
    return kept.put(`/share/file/${index}`, new Response(file, { headers }));
  }));
  return Response.redirect(`${ROOT}#/share`, 303);
}

/**
 * Shows a notification; it replaces the previous one of the same conversation. A silent one only changes its text.
 * @param {About & { title?: string, body?: string, sentAt?: string, silent?: boolean }} payload
 */
function show({ conversationId, tag, title = "Parley", body = "", sentAt, silent = false }) {
  const timestamp = sentAt ? Date.parse(sentAt) : Date.now();
  const renotify = Boolean(tag) && !silent;
  return worker.registration.showNotification(title, { body, tag, renotify, silent, timestamp, icon: ICON, badge: BADGE, data: { conversationId } });
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
  if (!pages.length) return worker.clients.openWindow(`${ROOT}#conversation=${conversationId}`);
  const page = pages.find((/** @type {any} */ one) => one.focused) ?? pages[0];
  page.postMessage({ type: "open_conversation", conversationId });
  return page.focus();
}
