/**
 * Keeps the result of each user's last token renewal in IndexedDB, where all tabs see it at once. localStorage reaches
 * tabs of other processes with a delay, and a lock does not wait for that.
 */
export class TokenRenewals {
  /** @type {Promise<IDBDatabase | null>} */ #opened;

  /** @param {IDBFactory | null | undefined} factory */
  constructor(factory) {
    this.#opened = factory ? open(factory) : Promise.resolve(null);
  }

  /** @param {string} name @returns {Promise<any>} */
  get(name) {
    return this.#act("readonly", (store) => store.get(name));
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    return this.#act("readwrite", (store) => store.put(value, name));
  }

  /** Returns undefined if there is no database; each tab then renews for itself. @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act */
  async #act(mode, act) {
    const database = await this.#opened;
    if (!database) return undefined;
    const transaction = database.transaction("renewals", mode);
    const request = act(transaction.objectStore("renewals"));
    return await new Promise((resolve) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => resolve(undefined);
    });
  }
}

/** @param {IDBFactory} factory @returns {Promise<IDBDatabase | null>} */
function open(factory) {
  const request = factory.open("parley-renewals", 1);
  request.onupgradeneeded = () => void request.result.createObjectStore("renewals");
  return new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null);
  });
}
