/**
 * Returns the option `storage`. It reads the store once, and writes later changes in their order.
 * @param {AsyncStore} store @returns {Promise<Store>}
 */
export function openStorage(store: AsyncStore): Promise<Store>;
/** Returns the option `outboxStore`: messages that are not sent yet. @param {AsyncStore} store @returns {OutboxStore} */
export function openOutbox(store: AsyncStore): OutboxStore;
/**
 * Checks the connection whenever the application comes back to the front. Returns a function that stops it.
 * @param {Parley} parley @param {States} states @returns {() => void}
 */
export function followAppState(parley: Parley, states: States): () => void;
/**
 * such as `AsyncStorage`, or a store of secrets with the same methods
 */
export type AsyncStore = {
    getAllKeys(): Promise<readonly string[]>;
    getItem(key: string): Promise<string | null>;
    setItem(key: string, value: string): Promise<void>;
    removeItem(key: string): Promise<void>;
};
/**
 * `AppState`
 */
export type States = {
    addEventListener(name: "change", listener: (state: string) => void): {
        remove(): void;
    };
};
import type { Store } from "./lib/option_types.js";
import type { OutboxStore } from "./lib/option_types.js";
import type { Parley } from "./parley.js";
