/**
 * Sends messages while the network is cut, the page reloads and the transport changes at random. Each message arrives
 * once, in order. The argument is the seed.
 */
import assert from "node:assert/strict";
import { memoryOutbox } from "../../../../client/lib/outbox_store.js";
import { memoryStorage } from "../../../../client/lib/tokens.js";
import { startProxy } from "./proxy.mjs";
import { argument, makeClient, makeUser, PASSWORD, random, scenario, signingInAgain, texts, until, url } from "./support.mjs";

const MESSAGES = 30;
const timing = { openMs: 2_000, firstByteMs: 1_000, retryMs: 20, maxRetryMs: 100, climbMs: 200, maxClimbMs: 400, shortMs: 0 };

await scenario(async () => {
  const number = random(Number(argument));
  const pick = (list) => list[Math.floor(number() * list.length)];
  const proxy = await startProxy(url);
  const bob = await makeUser();
  const carol = await makeUser();
  const alice = await makeUser();
  await Promise.all([bob.connect(), carol.connect()]);
  const { id: group } = await alice.createGroup({ name: "Both", memberIds: [bob.me.id, carol.me.id] });
  const { id: direct } = await alice.openDirect(bob.me.id);

  // The state that survives a reload.
  const renew = signingInAgain(alice.username); // an interrupted renewal would end the sign-in
  const kept = { storage: memoryStorage(), outboxStore: memoryOutbox(), url: proxy.url, timing, renew };
  const open = () => makeClient({ ...kept, transports: pick([["websocket", "sse"], ["sse"], ["long-poll"]]) });
  let page = open();
  await page.login({ username: alice.username, password: PASSWORD });
  void page.connect().catch(() => {}); // sometimes it is closed before it is online
  const written = { [group]: [], [direct]: [] };

  async function reload() {
    page.close();
    page = open();
    void page.connect().catch(() => {});
  }

  for (let i = 0; i < MESSAGES; i++) {
    const conversationId = pick([group, direct]);
    const message = `message ${i}`;
    written[conversationId].push(message);
    await page.send({ conversationId, message }).saved;
    const what = number();
    if (what < 0.25) proxy.cut();
    else if (what < 0.35) {
      proxy.refuse = true;
      proxy.cut();
      setTimeout(() => (proxy.refuse = false), number() * 300);
    } else if (what < 0.5) await reload();
    else if (what < 0.6) proxy.cutUpgrades = !proxy.cutUpgrades;
    await new Promise((resolve) => setTimeout(resolve, number() * 60));
  }
  proxy.refuse = proxy.cutUpgrades = false;

  await until(async () => (await page.outbox()).length === 0, "an empty outbox", page, 30);
  for (const conversationId of [group, direct]) {
    const { messages } = await bob.history(conversationId, { limit: 100 });
    const stored = messages.filter((message) => message.kind !== "system").map((message) => message.message);
    assert.deepEqual(stored, written[conversationId], `seed ${argument}`);
  }
  await until(() => texts(bob).filter(Boolean).length === MESSAGES, "all messages at Bob", bob);
  proxy.close();
});
