// The server's address. The paths that it sends, of avatars for example, begin with "/" and lack
// the prefix below which it may be mounted.

let root = globalThis.location?.origin ?? "";

/** @param {string} url of the server, as the client has it */
export function setServer(url) {
  root = url.replace(/\/$/, "");
}

/** Returns the whole address of a file of the server; other addresses stay as they are. @param {string} address */
export const onServer = (address) => (/^\/(?!\/)/.test(address) ? root + address : address);
