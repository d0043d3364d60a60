/**
 * What the last refresh token of each user was traded for, in IndexedDB: all tabs see it at once. localStorage
 * reaches tabs of other processes only after a while, and a lock does not wait for that.
 */
export class Renewals {
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

  /** Undefined where there is no database: then each tab is by itself. @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act */
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
