// Finds the conversation that a widget shows.

import { ParleyError } from "../parley.js";
import { withQuery } from "../lib/rest_routes.js";

/**
 * Reads the id in an attribute: digits are Parley's id, everything else is the host's. A host's id that consists of digits
 * is in quotes, as in JSON: `"42"`.
 * @param {string | number | null} text @returns {number | string | null}
 */
export function idOf(text) {
  if (text === null || text === "" || typeof text === "number") return text === "" ? null : text;
  if (/^\d+$/.test(text)) return Number(text);
  return /^".+"$/s.test(text) ? text.slice(1, -1) : text;
}

/** Writes an id so that `idOf` reads the same. @param {string | number} id */
export const idText = (id) => (typeof id === "string" && /^(?:\d+|".+")$/s.test(id) ? `"${id}"` : String(id));

/**
 * Returns the conversation to show, or null for the list. Opens the direct conversation with the recipient if there is none.
 * @param {any} store @param {{ conversation: number | string | null, recipient: number | string | null }} wanted
 * @returns {Promise<any>}
 */
export async function findTarget(store, { conversation, recipient }) {
  if (typeof conversation === "number") return store.conversations.fetch(conversation);
  if (conversation !== null) return byExternalId(store, conversation);
  if (recipient === null) return null;
  return store.conversations.put(await store.client.openDirect(recipient));
}

/** @param {any} store @param {string} externalId */
async function byExternalId(store, externalId) {
  const { conversations } = await store.client.request("GET", withQuery("/conversations", { externalId }));
  const found = conversations.find((/** @type {any} */ one) => one.externalId === externalId);
  if (!found) throw new ParleyError("not_found", "There is no such conversation.");
  store.conversations.put(found);
  return store.conversations.fetch(found.id); // with its members
}
