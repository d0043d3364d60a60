/** Web Push: this browser's subscription, and its registration with the server. */

/**
 * @import { Request } from "./link_types.js"
 * @import { PushState } from "./types.js"
 */

const supported = () =>
  typeof navigator !== "undefined" && "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;

/**
 * Returns the scope of the service worker: the path at which this page's server is mounted, or the whole origin if the server is elsewhere.
 * @param {string} url of the server @returns {string}
 */
export function workerScope(url) {
  const server = new URL(url, globalThis.location?.href);
  return server.origin === globalThis.location?.origin ? server.pathname.replace(/\/?$/, "/") : "/";
}

/** @param {string} scope @returns {Promise<PushSubscription | null>} */
async function subscription(scope) {
  const registration = await navigator.serviceWorker.getRegistration(scope);
  return (await registration?.pushManager?.getSubscription()) ?? null;
}

/** @param {string} scope of the service worker @returns {Promise<PushState>} */
export async function pushState(scope) {
  if (!supported()) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && (await subscription(scope)) ? "on" : "off";
}

/** @param {Request} request @param {string} deviceId @param {string} scope */
export async function enablePush(request, deviceId, scope) {
  if (!supported() || (await Notification.requestPermission()) !== "granted") return pushState(scope);
  await navigator.serviceWorker.register(`${scope}sw.js`, { scope });
  const registration = await navigator.serviceWorker.ready;
  const { publicKey } = await request("GET", "/push/vapid-key");
  const applicationServerKey = bytesOf(publicKey);
  const old = await registration.pushManager.getSubscription();
  if (old && !sameBytes(old.options.applicationServerKey, applicationServerKey)) await old.unsubscribe();
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  await request("POST", "/push/subscriptions", { ...made.toJSON(), deviceId });
  return pushState(scope);
}

/** @param {Request} request @param {string} scope */
export async function disablePush(request, scope) {
  const made = supported() ? await subscription(scope) : null;
  if (made) {
    await made.unsubscribe();
    await request("DELETE", `/push/subscriptions?endpoint=${encodeURIComponent(made.endpoint)}`);
  }
  return pushState(scope);
}

/** Registers the current subscription again, because browsers may replace it at any time. @param {Request} request @param {string} deviceId @param {string} scope */
export async function confirmPush(request, deviceId, scope) {
  const made = (await pushState(scope)) === "on" ? await subscription(scope) : null;
  if (made) await request("POST", "/push/subscriptions", { ...made.toJSON(), deviceId });
}

/** @param {string} text base64url @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
}

/** @param {ArrayBuffer | null} one @param {Uint8Array} other */
function sameBytes(one, other) {
  return one !== null && String(new Uint8Array(one)) === String(other);
}
