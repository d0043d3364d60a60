/** @typedef {import("./option_types.js").Entry} Entry @typedef {import("./option_types.js").OutboxStore} OutboxStore */

/** Opens the store of pending messages, kept in the order of writing. It is in memory if there is no database.
 * @param {IDBFactory | null | undefined} factory @returns {OutboxStore} */
export function openOutboxStore(factory) {
  const fallback = memoryOutbox();
  if (!factory) return fallback;
  const opened = open(factory).catch(() => null); // private mode, or the disk is full
  /** @param {keyof OutboxStore} name @returns {any} */
  const either = (name) => async (/** @type {any} */ argument) => {
    const database = await opened;
    return database ? indexed(database)[name](argument) : fallback[name](argument);
  };
  return { add: either("add"), put: either("put"), remove: either("remove"), all: either("all") };
}

/** @returns {OutboxStore} */
export function memoryOutbox() {
  /** @type {Entry[]} */ let entries = [];
  let order = 0;
  return {
    add: async (entry) => void entries.push({ ...entry, order: ++order }),
    put: async (entry) => void (entries = entries.map((old) => (old.id === entry.id ? { ...entry } : old))),
    remove: async (id) => void (entries = entries.filter((entry) => entry.id !== id)),
    all: async () => entries.map((entry) => ({ ...entry })),
  };
}

/** @param {IDBFactory} factory @returns {Promise<IDBDatabase>} */
function open(factory) {
  const request = factory.open("parley", 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore("outbox", { keyPath: "order", autoIncrement: true });
    store.createIndex("id", "id", { unique: true });
  };
  return settled(request);
}

/** @param {IDBDatabase} database @returns {OutboxStore} */
function indexed(database) {
  /** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => any} act */
  const inTransaction = (mode, act) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction("outbox", mode);
      const request = act(transaction.objectStore("outbox"));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  /** Runs `act` on the entry with this id, in one transaction. @param {string} id @param {(cursor: IDBCursorWithValue) => void} act */
  const at = (id, act) =>
    inTransaction("readwrite", (store) => {
      const request = store.index("id").openCursor(id);
      request.onsuccess = () => request.result && act(request.result);
    });
  return {
    add: (entry) => inTransaction("readwrite", (store) => store.add(entry)),
    put: (entry) => at(entry.id, (cursor) => void cursor.update({ ...entry, order: cursor.value.order })),
    remove: (id) => at(id, (cursor) => void cursor.delete()),
    all: () => inTransaction("readonly", (store) => store.getAll()),
  };
}

/** @param {IDBOpenDBRequest} request @returns {Promise<IDBDatabase>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}
