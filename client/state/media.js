// The addresses of media. An address expires soon, so it is fetched when needed and cached until then.

const MARGIN_MS = 30_000;

export class Media {
  #client;
  #addresses = new Map();
  #local = new Map();

  constructor(client) {
    this.#client = client;
  }

  /** Keeps the local file of a medium that was uploaded here, so that nothing downloads it again. */
  keepLocal(mediaId, file) {
    this.#local.set(mediaId, URL.createObjectURL(file));
  }

  local(mediaId) {
    return this.#local.get(mediaId);
  }

  /** @returns {Promise<string>} an address for an <img>, an <audio> or a link */
  async url(mediaId, variant) {
    const key = `${mediaId} ${variant ?? ""}`;
    const known = this.#addresses.get(key);
    if (known && known.ends > Date.now() + MARGIN_MS) return known.url;
    const { url, expiresAt } = await this.#client.mediaUrl(mediaId, variant);
    const whole = new URL(url, this.#client.url).href;
    this.#addresses.set(key, { url: whole, ends: endOf(expiresAt) });
    return whole;
  }
}

/** Reads `expiresAt`, in RFC 3339 or in unix seconds. */
function endOf(expiresAt) {
  return typeof expiresAt === "number" ? expiresAt * 1000 : new Date(expiresAt).getTime();
}
