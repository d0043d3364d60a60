/**
 * What the client needs in React Native: storage that outlives the application, and a connection that is checked when the
 * application comes back to the front. README.md lists what else you need.
 *
 * @import { Parley } from "./parley.js"
 * @import { Entry, OutboxStore, Store } from "./lib/option_types.js"
 */

/**
 * @typedef {{ getAllKeys(): Promise<readonly string[]>, getItem(key: string): Promise<string | null>,
 *   setItem(key: string, value: string): Promise<void>, removeItem(key: string): Promise<void> }} AsyncStore
 *   such as `AsyncStorage`, or a store of secrets with the same methods
 * @typedef {{ addEventListener(name: "change", listener: (state: string) => void): { remove(): void } }} States `AppState`
 */

const PREFIX = "parley:";
const OUTBOX = "parley-outbox";

/**
 * Returns the option `storage`. It reads the store once, and writes later changes in their order.
 * @param {AsyncStore} store @returns {Promise<Store>}
 */
export async function openStorage(store) {
  /** @type {Map<string, string>} */ const items = new Map();
  for (const key of await store.getAllKeys()) {
    const value = key.startsWith(PREFIX) ? await store.getItem(key) : null;
    if (value !== null) items.set(key, value);
  }
  const write = inOrder();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => (items.set(key, value), void write(() => store.setItem(key, value))),
    removeItem: (key) => (items.delete(key), void write(() => store.removeItem(key))),
  };
}

/** Returns the option `outboxStore`: messages that are not sent yet. @param {AsyncStore} store @returns {OutboxStore} */
export function openOutbox(store) {
  const act = inOrder();
  const read = async () => /** @type {Entry[]} */ (JSON.parse((await store.getItem(OUTBOX)) ?? "[]"));
  /** @param {(entries: Entry[]) => Entry[]} change */
  const change = (change) => act(async () => store.setItem(OUTBOX, JSON.stringify(change(await read()))));
  return {
    add: (entry) => change((entries) => [...entries, entry]),
    put: (entry) => change((entries) => entries.map((old) => (old.id === entry.id ? entry : old))),
    remove: (id) => change((entries) => entries.filter((entry) => entry.id !== id)),
    all: () => act(read),
  };
}

/**
 * Checks the connection whenever the application comes back to the front. Returns a function that stops it.
 * @param {Parley} parley @param {States} states @returns {() => void}
 */
export function followAppState(parley, states) {
  const listening = states.addEventListener("change", (state) => state === "active" && parley.wake());
  return () => listening.remove();
}

/** Returns a function that runs asynchronous acts one after the other. A failed one does not stop those after it. */
function inOrder() {
  /** @type {Promise<any>} */ let last = Promise.resolve();
  /** @template T @param {() => Promise<T>} act @returns {Promise<T>} */
  return (act) => {
    const done = last.then(act, act);
    last = done.catch(() => undefined);
    return done;
  };
}
