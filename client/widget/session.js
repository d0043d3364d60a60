// The connection of one widget. Its tokens stay in memory, and nothing is kept in the storage of the host's page except
// messages that are not sent yet.

import { Parley, ParleyError } from "../parley.js";
import { openOutboxStore } from "../lib/outbox_store.js";
import { memoryStorage } from "../lib/tokens.js";
import { Store } from "../state/store.js";
import { nameWords } from "../ui/conversation_names.js";
import { subjectOf } from "./token_source.js";

/**
 * Signs in and connects. Rejects with a ParleyError if that is impossible.
 * @param {{ server: string, source: import("./token_source.js").TokenSource, language: string, otherUser: () => void }} options
 *   `otherUser` is called if a new token belongs to another user
 */
export async function openSession({ server, source, language, otherUser }) {
  const accessToken = await source.first();
  const subject = subjectOf(accessToken);
  const renew = async () => {
    const token = await source.next();
    if (subjectOf(token) === subject) return { accessToken: token };
    otherUser();
    throw new ParleyError("unauthorized", "Somebody else is signed in now.");
  };
  const storage = memoryStorage();
  const outboxStore = openOutboxStore(globalThis.indexedDB);
  const client = new Parley({ url: server, storage, renew, language, indexedDB: null, outboxStore, push: false });
  await client.useTokens({ accessToken });
  const store = new Store(client, { words: nameWords, draftStorage: null });
  const begun = store.begin();
  begun.catch(() => undefined); // it rejects if the client is closed
  return { client, store, begun };
}
