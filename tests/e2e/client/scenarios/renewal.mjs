/** A session outlives its tokens. They are renewed before they expire, once for all callers, also on an open WebSocket. */
import assert from "node:assert/strict";
import { event, makeUser, named, scenario, until } from "./support.mjs";

await scenario(async () => {
  let renewals = 0;
  const counting = (address, init) => {
    if (String(address).endsWith("/auth/refresh")) renewals += 1;
    return fetch(address, init);
  };
  const [alice, bob] = [await makeUser({ fetch: counting }), await makeUser({ transports: ["sse"] })];
  await Promise.all([alice.connect(), bob.connect()]);
  const began = Date.now();
  const { sessionId } = await event(alice, "joined");
  await until(() => renewals >= 2, "two renewals", alice, 40);
  await Promise.all(Array.from({ length: 5 }, () => alice.request("GET", "/me")));
  assert.equal(alice.state.status, "online");
  assert.deepEqual(named(alice, "joined").map((joined) => joined.sessionId), [sessionId], "the same session all the time");
  const expected = Math.ceil((Date.now() - began) / 8_000); // tokens of 12 s are renewed after 9 s
  assert.ok(renewals <= expected, `${renewals} renewals in ${Date.now() - began} ms`);

  const { done } = alice.send({ receiverId: bob.me.id, message: "still here" });
  await done;
  await event(bob, "receive_message", (message) => message.message === "still here");
  assert.equal(named(bob, "signed_out").length, 0);
});
