// Whether this browser shows notifications and plays a sound while the page is open in the background.

const KEY = "parley.notices";

/** @returns {{ show: boolean, sound: boolean }} */
export function noticeChoices() {
  return { show: true, sound: true, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
}

/** @param {{ show?: boolean, sound?: boolean }} changes */
export function chooseNotices(changes) {
  localStorage.setItem(KEY, JSON.stringify({ ...noticeChoices(), ...changes }));
}

/** Returns whether notifications can be shown now: the browser supports them, and the user has allowed them. */
export const mayShow = () => "Notification" in globalThis && Notification.permission === "granted";
