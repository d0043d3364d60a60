/** Registers the service worker of the installed page, which receives content from other apps. Browser tabs need none. */
export function serveInstalledPage() {
  const register = () => navigator.serviceWorker?.register("sw.js", { scope: "./" }).catch(() => undefined);
  if (matchMedia("(display-mode: standalone)").matches) register();
  window.addEventListener("appinstalled", register);
}

/** Shows the number of unread messages at the icon of the installed page. */
export function setBadge(unread) {
  if (!navigator.setAppBadge) return;
  const done = unread ? navigator.setAppBadge(unread) : navigator.clearAppBadge();
  done.catch(() => undefined); // browsers refuse it for pages that are not installed
}
