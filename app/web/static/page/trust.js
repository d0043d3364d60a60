// The Content-Security-Policy does not let scripts turn text into markup, and allows script URLs only through this
// policy: the service worker and the client's files, from this origin. Browsers without trusted types ignore it.
// Imported first, before any module registers a worker.

const OURS = ["sw.js", "client/"].map((path) => new URL(path, location.href).pathname); // the server may be mounted below a prefix

/** @param {string} address */
function ownWorker(address) {
  const url = new URL(address, location.href);
  const ours = url.origin === location.origin && OURS.some((path) => url.pathname.startsWith(path));
  if (!ours) throw new TypeError(`${url.pathname} is not a worker of this page`);
  return url.href;
}

globalThis.trustedTypes?.createPolicy("default", { createScriptURL: ownWorker });
