// Where a medium can be shown from. The address is short-lived, so it is asked for when it is wanted and kept until it ends.

const EARLY_MS = 30_000;

export class Media {
  #client;
  #addresses = new Map();
  #local = new Map();

  constructor(client) {
    this.#client = client;
  }

  /** A file of this browser's stands in for the medium until the page is closed: no need to fetch back what was sent. */
  keepLocal(mediaId, file) {
    this.#local.set(mediaId, URL.createObjectURL(file));
  }

  local(mediaId) {
    return this.#local.get(mediaId);
  }

  /** @returns {Promise<string>} an address for an <img>, <audio> or link */
  async url(mediaId, variant) {
    const key = `${mediaId} ${variant ?? ""}`;
    const known = this.#addresses.get(key);
    if (known && known.ends > Date.now() + EARLY_MS) return known.url;
    const { url, expiresAt } = await this.#client.mediaUrl(mediaId, variant);
    this.#addresses.set(key, { url, ends: endOf(expiresAt) });
    return url;
  }
}

/** `expiresAt` in RFC 3339, or in unix seconds. */
function endOf(expiresAt) {
  return typeof expiresAt === "number" ? expiresAt * 1000 : new Date(expiresAt).getTime();
}
