// The addresses of media. An address expires soon, so it is fetched when needed. The client caches it until then.

export class Media {
  #client;
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
    const { url } = await this.#client.mediaUrl(mediaId, variant);
    return new URL(url, this.#client.url).href;
  }
}
