// The Content-Security-Policy lets no script turn text into markup, and lets through addresses of code only as this
// policy allows: the service worker and the client's own worker, from this origin. Browsers that do not know trusted
// types need nothing of it. Imported first, before anything could register a worker.

const OURS = ["/sw.js", "/client/"];

/** @param {string} address */
function ownWorker(address) {
  const url = new URL(address, location.href);
  const ours = url.origin === location.origin && OURS.some((path) => url.pathname.startsWith(path));
  if (!ours) throw new TypeError(`${url.pathname} is no worker of this page`);
  return url.href;
}

globalThis.trustedTypes?.createPolicy("default", { createScriptURL: ownWorker });
