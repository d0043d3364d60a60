/** Tests of single modules of state/, for cases that a whole session would only meet by chance. */
import assert from "node:assert/strict";
import { ParleyError } from "../../../../client/lib/errors.js";
import { Conversations } from "../../../../client/state/conversations.js";
import { Presence } from "../../../../client/state/presence.js";
import { Store } from "../../../../client/state/store.js";
import { Timeline } from "../../../../client/state/timeline.js";
import { Topics } from "../../../../client/state/topics.js";

const message = (seq, text = "a") => ({ id: `m${seq}`, conversationId: 1, seq, message: text });

/** What was read may be older than the texts that come meanwhile; what is missing is read again. */
async function timelineMissesNoText() {
  let answer = () => {};
  const history = () => new Promise((resolve) => (answer = (text) => resolve({ messages: [grows(text)], hasMore: false })));
  const grows = (text) => ({ ...message(1, text), streaming: true, length: text.length });
  const timeline = new Timeline({ history }, 1, () => {});
  const shown = () => timeline.at(1)?.message;
  const loading = timeline.loadNewest();
  timeline.append({ id: "m1", from: 1, text: "b" }); // before the message is known
  answer("a");
  await loading;
  assert.equal(shown(), "ab");
  timeline.append({ id: "m1", from: 4, text: "e" }); // "cd" is missing
  assert.equal(shown(), "ab");
  timeline.append({ id: "m1", from: 5, text: "f" });
  answer("abcd");
  await new Promise(setImmediate);
  assert.equal(shown(), "abcdef");
  timeline.receive(grows("abc"));
  assert.equal(shown(), "abcdef");
  timeline.update("m1", () => message(1, "final"));
  timeline.append({ id: "m1", from: 6, text: "late" });
  assert.equal(shown(), "final");
}

/** A read mark that is still under way, or comes late, would end the mark "unread" at once. */
async function unreadMarkComesLast() {
  const calls = [];
  let answer;
  const client = {
    me: { id: 1 },
    on() {},
    markRead: () => (calls.push("read"), new Promise((done) => (answer = done))),
    markUnread: async () => void calls.push("unread"),
  };
  const store = new Store(client, { draftStorage: null });
  const read = store.markRead(7, 3);
  const unread = store.markUnread(7, true);
  await store.markRead(7, 4);
  assert.deepEqual(calls, ["read"]);
  answer();
  await Promise.all([read, unread]);
  assert.deepEqual(calls, ["read", "unread"]);
  store.markRead(7, 5);
  assert.deepEqual(calls, ["read", "unread", "read"]);
}

/** A conversation that loads for the first time may be answered as it was before an event that came meanwhile. */
async function conversationsMissNoEvent() {
  const asked = [];
  const conversation = () => new Promise((resolve, reject) => asked.push({ resolve, reject }));
  const conversations = new Conversations({ conversation, me: { id: 1 } }, new Topics());
  const now = (seq) => ({ id: 1, kind: "group", lastSeq: seq, lastMessage: message(seq), unread: seq, mentions: 0 });
  conversations.note({ ...message(1), senderId: 2 });
  conversations.note({ ...message(2), senderId: 2 });
  asked.shift().resolve(now(1));
  await new Promise(setImmediate);
  asked.shift().resolve(now(2));
  await new Promise(setImmediate);
  assert.deepEqual([conversations.get(1).lastMessage.seq, conversations.get(1).unread, asked.length], [2, 2, 0]);

  conversations.remove(1);
  conversations.note({ ...message(3), senderId: 2 });
  conversations.remove(1); // the user left while the conversation was loading
  asked.shift().resolve(now(3));
  await new Promise(setImmediate);
  asked.shift().reject(new ParleyError("not_found", "no such conversation"));
  await new Promise(setImmediate);
  assert.equal(conversations.get(1), undefined);
}

/** An answer that was made before an event must not undo what the event has changed, in a list and alone. */
async function answersDoNotUndoEvents() {
  const lists = [];
  const singles = [];
  const client = {
    me: { id: 1 },
    conversations: () => new Promise((resolve) => lists.push(resolve)),
    conversation: () => new Promise((resolve) => singles.push(resolve)),
  };
  const conversations = new Conversations(client, new Topics());
  const made = (id, more = {}) => ({ id, kind: "group", lastSeq: 1, lastMessage: message(1), unread: 0, mentions: 0, ...more });
  const loaded = conversations.loadFirst();
  conversations.change(1, { draft: { message: "of a conversation that is not there yet" } });
  lists.shift()({ conversations: [made(1), made(2)] });
  await loaded;
  assert.equal(singles.length, 1);
  singles.shift()(made(1, { draft: { message: "new" } }));
  await new Promise(setImmediate);
  assert.deepEqual([conversations.get(1).draft.message, singles.length], ["new", 0]);

  const again = conversations.fetch(2);
  conversations.change(2, { pinned: true });
  singles.shift()(made(2));
  await new Promise(setImmediate);
  singles.shift()(made(2, { pinned: true }));
  assert.equal((await again).pinned, true);

  const busy = conversations.fetch(2); // an event during each answer: it ends all the same
  for (let left = 3; left > 0; left -= 1) {
    conversations.change(2, { muted: left });
    singles.shift()(made(2));
    await new Promise(setImmediate);
  }
  await busy;
  assert.equal(singles.length, 0);
}

/** While the page is offline, nobody is shown as typing. Listeners of one conversation notice. */
async function typingEndsOffline() {
  const topics = new Topics();
  const presence = new Presence({}, topics);
  presence.setTyping({ conversationId: 7, userId: 2, typing: true });
  await new Promise(setImmediate);
  const seen = [];
  topics.on("typing:7", () => seen.push(presence.typingIn(7)));
  presence.forget();
  await new Promise(setImmediate);
  assert.deepEqual(seen, [[]]);
}

await timelineMissesNoText();
await unreadMarkComesLast();
await conversationsMissNoEvent();
await answersDoNotUndoEvents();
await typingEndsOffline();
