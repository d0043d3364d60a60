/** Transports are blocked one after the other and work again later; messages arrive once at every step. */
import assert from "node:assert/strict";
import { startProxy } from "./proxy.mjs";
import { makeUser, online, renewingPastProxy, scenario, texts, until, url } from "./support.mjs";

const timing = { openMs: 3_000, firstByteMs: 700, retryMs: 50, maxRetryMs: 200, climbMs: 300, maxClimbMs: 600 };

await scenario(async () => {
  const proxy = await startProxy(url);
  const alice = await makeUser();
  const bob = await makeUser({ url: proxy.url, timing, fetch: renewingPastProxy });
  await alice.connect();
  const { id: conversationId } = await alice.openDirect(bob.me.id);
  const sent = [];

  async function crosses(transport) {
    await online(bob, transport);
    for (const message of [`by ${transport} ${sent.length}`, `again ${sent.length}`]) {
      sent.push(message);
      await alice.send({ conversationId, message }).done;
    }
    await bob.send({ conversationId, message: `back by ${transport}` }).done;
  }

  await bob.connect();
  await crosses("websocket");

  proxy.cutUpgrades = true;
  proxy.cut();
  await crosses("sse");

  proxy.bufferStreams = true;
  proxy.cut();
  await crosses("long-poll");
  const tried = proxy.upgrades;

  proxy.bufferStreams = false;
  await crosses("sse");

  proxy.cutUpgrades = false;
  await crosses("websocket");
  assert.ok(proxy.upgrades > tried, "WebSocket was tried again");

  const received = () => texts(bob).filter((text) => !text.startsWith("back"));
  await until(() => received().includes(sent.at(-1)), "the last one", bob); // the ack may arrive first
  assert.deepEqual(received(), sent);
  proxy.close();
});
