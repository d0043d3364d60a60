// The server's address. Paths in the server's answers, such as those of avatars, begin with "/" and lack the prefix
// below which the server may be mounted.

let root = globalThis.location?.origin ?? "";

/** @param {string} url of the server, as the client has it */
export function setServer(url) {
  root = url.replace(/\/$/, "");
}

/** Returns the whole address of a file of the server; other addresses stay as they are. @param {string} address */
export const onServer = (address) => (/^\/(?!\/)/.test(address) ? root + address : address);
