/** A first chat of two users over the given transport, with nothing but the client. */
import assert from "node:assert/strict";
import { memoryStorage } from "../../../../client/lib/tokens.js";
import { ParleyError } from "../../../../client/parley.js";
import { argument as transport, event, makeClient, makeUser, named, online, PASSWORD, scenario, texts, until } from "./support.mjs";

const options = { transports: [transport] };

async function sendAndAck(alice, bob) {
  const sent = alice.send({ receiverId: bob.me.id, message: "Hello" });
  assert.equal(sent.message.status, "sending");
  const ack = await sent.done;
  assert.equal(ack.id, sent.id);
  assert.equal(ack.status, "stored");
  assert.equal(ack.seq, 1);
  const got = await event(bob, "receive_message");
  assert.deepEqual([got.id, got.message, got.senderId, got.seq], [sent.id, "Hello", alice.me.id, 1]);
  const became = named(alice, "message_status").map((one) => one.status);
  assert.deepEqual(became.filter((status) => status !== "accepted"), ["sending", "stored"]); // slow storing adds it
  assert.deepEqual(await alice.outbox(), []);
  return ack;
}

async function sameIdTwice(alice, ack) {
  const again = { id: ack.id, conversationId: ack.conversationId, message: "Something else" };
  const second = await alice.command("send_message", again);
  assert.deepEqual([second.seq, second.sentAt], [ack.seq, ack.sentAt]);
  const { messages } = await alice.history(ack.conversationId);
  assert.deepEqual(messages.map((message) => message.message), ["Hello"]);
}

async function marks(alice, bob, { conversationId, seq }) {
  const delivered = await event(alice, "message_delivered", (mark) => mark.userId === bob.me.id);
  assert.equal(delivered.seq, seq);
  assert.deepEqual((await bob.fetchUnread()).messages.map((message) => message.seq), [1]);
  await bob.markRead(conversationId, seq);
  const read = await event(alice, "message_read", (mark) => mark.userId === bob.me.id);
  assert.equal(read.seq, seq);
  assert.deepEqual((await bob.fetchUnread()).messages, []);
}

async function typingAndPresence(alice, bob, { conversationId }) {
  alice.typing({ conversationId });
  alice.typing({ conversationId }); // throttled: sent once
  const typing = await event(bob, "typing");
  assert.deepEqual([typing.userId, typing.typing], [alice.me.id, true]);
  alice.typing({ conversationId }, false);
  await event(bob, "typing", (one) => one.typing === false);
  assert.equal(named(bob, "typing").length, 2);
  const [now] = await alice.watchPresence([bob.me.id]);
  assert.deepEqual([now.userId, now.status], [bob.me.id, "online"]);
}

async function changes(alice, bob, { id, conversationId }) {
  await alice.edit(id, "Hello, Bob");
  await event(bob, "message_updated", (message) => message.message === "Hello, Bob");
  await bob.react(id, "👍");
  await event(alice, "reaction", (one) => one.emoji === "👍" && one.on);
  await bob.react(id, "👍", false);
  await event(alice, "reaction", (one) => one.emoji === "👍" && !one.on);
  await bob.pin(id);
  await event(alice, "message_pinned");
  assert.deepEqual((await alice.pins(conversationId)).messages.map((message) => message.id), [id]);
  await alice.remove(id);
  await event(bob, "message_deleted", (one) => one.id === id);
}

/** What only Bob sees: a draft, the conversation as unread, its history cleared. */
async function ownView(alice, bob, { conversationId }) {
  const { done } = alice.send({ conversationId, message: "see https://example.com/" });
  const { seq, id } = await done;
  assert.deepEqual(await bob.setDraft(conversationId, "Dear", id), { conversationId, status: "stored" });
  assert.deepEqual([(await event(bob, "draft_updated")).replyTo, (await bob.conversation(conversationId)).draft.message], [id, "Dear"]);
  await bob.setDraft(conversationId, "");
  await event(bob, "draft_updated", (draft) => !draft.message);
  await bob.markUnread(conversationId);
  await event(bob, "conversation_settings", (settings) => settings.markedUnread === true);
  await bob.markUnread(conversationId, false);
  await event(bob, "conversation_settings", (settings) => settings.markedUnread === false);
  for (const place of [{ around: id }, { around: seq }, { at: "2100-01-01" }]) assert.equal((await bob.history(conversationId, place)).seq, seq);
  assert.deepEqual((await bob.conversationMedia(conversationId, { kind: "image,file" })).messages, []);
  assert.equal((await bob.clear(conversationId, { seq })).seq, seq);
  assert.equal((await event(bob, "conversation_cleared")).removed, false);
  await assert.rejects(bob.history(conversationId, { around: id }), (error) => error.code === "not_found");
  const me = await bob.updateMe({ status: { text: "away" } });
  assert.equal(me.status.text, "away");
  await event(alice, "user_updated", (user) => user.userId === bob.me.id && user.status?.text === "away");
  assert.deepEqual([named(alice, "draft_updated"), named(alice, "conversation_cleared")], [[], []]);
}

/** Bob is offline. Messages of that time arrive in order and once, and later ones too. */
async function awayAndBack(alice, bob, { conversationId }) {
  const { cursor } = bob;
  bob.close();
  const before = texts(bob).length;
  for (const number of [1, 2, 3]) await alice.send({ conversationId, message: `away ${number}` }).done;
  await bob.connect({ cursor });
  await alice.send({ conversationId, message: "back" }).done;
  await event(bob, "receive_message", (message) => message.message === "back");
  assert.deepEqual(texts(bob).slice(before), ["away 1", "away 2", "away 3", "back"]);
  await event(alice, "message_delivered", (mark) => mark.userId === bob.me.id && mark.seq === 5);
}

/** A new page has no cursor, so it fetches the unread messages. */
async function fresh(bob) {
  const other = makeClient(options);
  await other.login({ username: bob.username, password: PASSWORD });
  await other.connect();
  const unread = await event(other, "unread_messages");
  assert.deepEqual(unread.messages.map((message) => message.message), ["away 1", "away 2", "away 3", "back"]);
}

async function reconciles(alice, { conversationId, id, seq }) {
  const lost = { id: crypto.randomUUID(), seq: seq + 1_000 };
  const { messages, gone } = await alice.reconcile(conversationId, [{ id, seq }, lost]);
  assert.deepEqual(gone, [lost.id]);
  assert.equal(messages[0].id, id);
  assert.deepEqual(messages.at(-1), (await alice.history(conversationId)).messages.at(-1));
  assert.deepEqual(await alice.reconcile(conversationId, []), { messages: [], gone: [] });
}

/** After a logout, the next sign-in of the same user carries the device token. */
async function knownDevice({ username }) {
  const bodies = [];
  const storage = memoryStorage();
  const watched = (address, init) => (address.endsWith("/auth/login") && bodies.push(JSON.parse(init.body)), fetch(address, init));
  const device = makeClient({ ...options, storage, fetch: watched });
  await device.login({ username, password: PASSWORD });
  await device.logout();
  await device.login({ username, password: PASSWORD });
  assert.equal(bodies[0].deviceToken, undefined);
  assert.match(bodies[1].deviceToken, /\./);
}

async function refusals(alice) {
  const lost = alice.send({ conversationId: 999_999, message: "nobody is here" });
  await assert.rejects(lost.done, (error) => error instanceof ParleyError && error.code === "not_found");
  const [waiting] = await alice.outbox();
  assert.deepEqual([waiting.id, waiting.status, waiting.error.code], [lost.id, "failed", "not_found"]);
  await alice.retry(lost.id);
  await until(() => named(alice, "message_status").filter((one) => one.status === "failed").length === 2, "a second refusal", alice);
  await alice.discard(lost.id);
  assert.deepEqual(await alice.outbox(), []);
  await assert.rejects(alice.conversation(999_999), (error) => error.status === 404);
  await knownDevice(alice);
  const wrong = makeClient(options);
  await assert.rejects(wrong.connect(), (error) => error.code === "unauthorized");
  await assert.rejects(wrong.login({ username: alice.username, password: "not this one" }), (error) => error.status === 401);
}

await scenario(async () => {
  const [alice, bob] = [await makeUser(options), await makeUser(options)];
  await Promise.all([alice.connect(), bob.connect()]);
  await online(bob, transport);
  await until(() => alice.limits, "the limits", alice);
  assert.deepEqual(alice.limits, await makeClient(options).fetchLimits());
  assert.equal(alice.limits.maxText, 8_000);
  const ack = await sendAndAck(alice, bob);
  await sameIdTwice(alice, ack);
  await marks(alice, bob, ack);
  await typingAndPresence(alice, bob, ack);
  await changes(alice, bob, ack);
  await awayAndBack(alice, bob, ack);
  assert.deepEqual(texts(alice), [], "own messages come by message_status");
  await fresh(bob);
  await reconciles(alice, ack);
  await ownView(alice, bob, ack);
  await refusals(alice);
  await bob.logout();
  await event(bob, "signed_out");
  assert.equal(bob.me, null);
});
