/** Web Push: this browser's subscription, and its registration with the server. */

/**
 * @import { Request } from "./link_types.js"
 * @import { PushState } from "./types.js"
 */

const supported = () =>
  typeof navigator !== "undefined" && "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;

/** @returns {Promise<PushSubscription | null>} */
async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager?.getSubscription()) ?? null;
}

/** @returns {Promise<PushState>} */
export async function pushState() {
  if (!supported()) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && (await subscription()) ? "on" : "off";
}

/** @param {Request} request @param {string} deviceId */
export async function enablePush(request, deviceId) {
  if (!supported() || (await Notification.requestPermission()) !== "granted") return pushState();
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  const { publicKey } = await request("GET", "/push/vapid-key");
  const applicationServerKey = bytesOf(publicKey);
  const old = await registration.pushManager.getSubscription();
  if (old && !sameBytes(old.options.applicationServerKey, applicationServerKey)) await old.unsubscribe();
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  await request("POST", "/push/subscriptions", { ...made.toJSON(), deviceId });
  return pushState();
}

/** @param {Request} request */
export async function disablePush(request) {
  const made = supported() ? await subscription() : null;
  if (made) {
    await made.unsubscribe();
    await request("DELETE", `/push/subscriptions?endpoint=${encodeURIComponent(made.endpoint)}`);
  }
  return pushState();
}

/** Registers the current subscription again, because browsers may replace it at any time. @param {Request} request @param {string} deviceId */
export async function confirmPush(request, deviceId) {
  const made = (await pushState()) === "on" ? await subscription() : null;
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
