/**
 * The client in React Native: asynchronous storage keeps the sign-in and the messages that are not sent, and the connection is
 * checked when the application comes back to the front.
 */
import assert from "node:assert/strict";
import { followAppState, openOutbox, openStorage } from "../../../../client/react-native.js";
import { startProxy } from "./proxy.mjs";
import { makeClient, makeUser, PASSWORD, scenario, texts, until, url } from "./support.mjs";

const NEVER_MS = 600_000;

/** Behaves like AsyncStorage: every act takes a while. */
function asyncStorage() {
  const items = new Map([["other", "of the application"]]);
  const later = (act) => new Promise((resolve) => setTimeout(() => resolve(act()), 5));
  return {
    items,
    getAllKeys: () => later(() => [...items.keys()]),
    getItem: (key) => later(() => items.get(key) ?? null),
    setItem: (key, value) => later(() => void items.set(key, value)),
    removeItem: (key) => later(() => void items.delete(key)),
  };
}

/** Behaves like AppState. */
function appState() {
  const listeners = new Set();
  const become = (state) => listeners.forEach((listener) => listener(state));
  return { become, listeners, addEventListener: (_name, listener) => (listeners.add(listener), { remove: () => listeners.delete(listener) }) };
}

await scenario(async () => {
  const proxy = await startProxy(url);
  const disk = asyncStorage();
  const start = async () => makeClient({
    url: proxy.url, storage: await openStorage(disk), outboxStore: openOutbox(disk),
    transports: ["websocket", "long-poll"], timing: { retryMs: NEVER_MS, maxRetryMs: NEVER_MS },
  });
  const bob = await makeUser();
  await bob.connect();
  const { username } = await makeUser();

  const first = await start();
  const me = await first.login({ username, password: PASSWORD });
  const { id } = await first.openDirect(bob.me.id);
  await first.connect();
  await first.send({ conversationId: id, message: "one" }).done;
  proxy.refuse = true;
  proxy.cut();
  await until(() => first.state.status !== "online", "the cut", first);
  const waiting = [first.send({ conversationId: id, message: "two" }), first.send({ conversationId: id, message: "three" })];
  for (const { done, saved } of waiting) done.catch(() => {}), await saved;
  first.close(); // the system ends the application

  const key = `parley:${proxy.url}`;
  await until(() => disk.items.has(key), "the sign-in on the disk");
  const second = await start();
  assert.deepEqual(second.me, me, "the sign-in outlives the application");
  assert.equal(second.deviceId, first.deviceId);
  second.connect().catch(() => {});
  await until(() => second.state.retryInMs !== undefined, "a failed attempt", second);
  const states = appState();
  const stop = followAppState(second, states);
  proxy.refuse = false;
  states.become("background");
  assert.notEqual(second.state.status, "online");
  states.become("active"); // otherwise the next attempt would be in minutes
  await until(() => texts(bob).length === 3, "the messages", second);
  assert.deepEqual(texts(bob), ["one", "two", "three"]);
  await until(async () => (await openOutbox(disk).all()).length === 0, "an empty outbox", second);
  stop();
  assert.equal(states.listeners.size, 0);

  await second.logout();
  await until(() => !disk.items.has(key), "that the sign-in is gone");
  assert.equal(disk.items.get("other"), "of the application");
  assert.equal((await openStorage(disk)).getItem("other"), null, "the client reads only its own keys");
  proxy.close();
});
