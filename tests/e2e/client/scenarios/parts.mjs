/** Tests of single modules of lib/ and widget/, for cases that a whole session would only meet by chance. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { uuid7 } from "../../../../client/lib/ids.js";
import { Emitter } from "../../../../client/lib/emitter.js";
import { ParleyError } from "../../../../client/lib/errors.js";
import { Outbox } from "../../../../client/lib/outbox.js";
import { memoryOutbox } from "../../../../client/lib/outbox_store.js";
import { DeliveredMarks } from "../../../../client/lib/delivered_marks.js";
import { grown, longer } from "../../../../client/lib/growing.js";
import { Rest } from "../../../../client/lib/rest.js";
import { eventParser } from "../../../../client/lib/sse.js";
import { Stream } from "../../../../client/lib/stream.js";
import { Tokens, memoryStorage } from "../../../../client/lib/tokens.js";
import { TokenSource } from "../../../../client/widget/token_source.js";

const message = (seq, text = "a") => ({ id: `m${seq}`, conversationId: 1, seq, message: text });

function idsGrow() {
  const ids = Array.from({ length: 20_000 }, uuid7);
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
}

/** Two links overlap while a better one takes over. Events with the same cursor are handled once and in order. */
async function streamHandlesOnce() {
  const handled = [];
  const stream = new Stream(async (name, data) => void handled.push([name, data.seq, data.message]));
  await stream.take("receive_message", message(1), "c1");
  await stream.take("receive_message", message(2), "c2");
  await stream.take("receive_message", message(1), "c1");
  await stream.take("receive_message", message(3), "c3");
  assert.equal(stream.cursor, "c3");
  await stream.take("receive_message", message(2), "c9"); // a repeated message without changes
  await stream.take("receive_message", message(2, "b"), "c10");
  const expected = [["receive_message", 1, "a"], ["receive_message", 2, "a"], ["receive_message", 3, "a"], ["message_updated", 2, "b"]];
  assert.deepEqual(handled, expected);
}

/** Events without a cursor of their own carry the one before them on a long-poll. */
async function streamTakesTextsThatShareACursor() {
  const handled = [];
  const stream = new Stream(async (name, data) => void handled.push(data.text ?? data.message));
  await stream.take("message_updated", { ...message(1, "before"), streaming: true }, "c1");
  for (const text of ["one", "two"]) await stream.take("message_append", { id: "m1", from: 0, text }, "c1");
  await stream.take("message_updated", { ...message(2, "another stream"), streaming: true }, "c1");
  assert.deepEqual(handled, ["before", "one", "two", "another stream"]);
}

/** The text of a message that grows. Characters are code points. */
function textsAreAdded() {
  const begun = { ...message(1, "a😀"), streaming: true };
  const more = grown(begun, { from: 2, text: "漢字" });
  assert.deepEqual([more.message, more.length], ["a😀漢字", 4]);
  assert.equal(grown(more, { from: 1, text: "😀漢" }), more);
  assert.equal(grown(more, { from: 3, text: "字!" }).message, "a😀漢字!");
  assert.equal(grown(more, { from: 5, text: "x" }), null);
  assert.equal(longer(more, { ...begun, pinnedAt: "t" }).message, "a😀漢字");
  assert.equal(longer(begun, more), more);
  assert.equal(longer(more, message(1, "final")).message, "final");
}

/** The cursor moves when the handlers are done. */
async function cursorFollowsHandling() {
  let release = () => {};
  const stream = new Stream(() => new Promise((resolve) => (release = () => resolve())));
  const first = stream.take("receive_message", message(1), "c1");
  const second = stream.take("receive_message", message(2), "c2");
  await new Promise(setImmediate);
  assert.equal(stream.cursor, undefined);
  release();
  await first;
  assert.equal(stream.cursor, "c1");
  await new Promise(setImmediate);
  release();
  await second;
  assert.equal(stream.cursor, "c2");
}

async function handlersThatFail() {
  const emitter = new Emitter();
  const { error } = console;
  const reported = [];
  console.error = (problem) => reported.push(problem.message);
  try {
    assert.equal(await emitter.emit("receive_message", {}), false, "there is no handler");
    const handled = [];
    emitter.on("receive_message", () => { throw new Error("broken"); });
    emitter.on("receive_message", (data) => handled.push(data));
    assert.equal(await emitter.emit("receive_message", 1), false);
    assert.deepEqual([handled, reported], [[1], ["broken"]]);
  } finally {
    console.error = error;
  }
}

async function marksAreBatched() {
  const sent = [];
  const delivered = new DeliveredMarks(async (name, data) => void sent.push(data));
  for (const seq of [1, 3, 2]) delivered.add(7, seq);
  delivered.add(8, 1);
  delivered.flush();
  assert.deepEqual(sent, [{ conversationId: 7, seq: 3 }, { conversationId: 8, seq: 1 }]);
}

/** An event stream may be split anywhere. */
function eventStreams() {
  const text = 'retry:2000\n\nid: c1\nevent: typing\ndata: {"a":"ü:1"}\n\n: keep-alive\n\nevent: presence\ndata: {}\n\n';
  for (let cut = 0; cut < text.length; cut++) {
    const events = [];
    const feed = eventParser((...event) => events.push(event));
    feed(text.slice(0, cut));
    feed(text.slice(cut));
    assert.deepEqual(events, [["typing", { a: "ü:1" }, "c1"], ["presence", {}, ""]]);
  }
}

/** A refresh token works only once. */
async function renewalsAreShared() {
  const used = [];
  const life = 900;
  const token = (number) => `x.${btoa(JSON.stringify({ iat: 0, exp: life, number }))}.x`;
  const renewWith = async ({ refreshToken }) => {
    used.push(refreshToken);
    await new Promise(setImmediate);
    return { accessToken: token(used.length), refreshToken: `r${used.length}` };
  };
  const tokens = new Tokens({ key: "k", storage: memoryStorage(), renewWith, onChange: () => {} });
  tokens.save({ accessToken: token(0), refreshToken: "r0" }, { id: 1 });
  assert.equal(await tokens.fresh(), token(0));
  const renewed = await Promise.all([1, 2, 3].map(() => tokens.renew(token(0))));
  assert.deepEqual([renewed, used], [[token(1), token(1), token(1)], ["r0"]]);
  assert.equal(await tokens.renew(token(0)), token(1), "another caller was faster");
  await tokens.renew(token(1));
  assert.deepEqual(used, ["r0", "r1"]);
}

/** A message that must wait also delays the later ones of its conversation; a refused message does not. */
async function outboxKeepsOrder() {
  const sent = [];
  const announced = [];
  const answers = {
    first: [new ParleyError("rate_limited", "", { retryAfter: 0.15 }), new ParleyError("overloaded", "", { retryAfter: 0.15 })],
    third: [new ParleyError("forbidden")],
  };
  const send = async ({ id, conversationId }) => {
    const error = answers[id]?.shift();
    if (error) throw error;
    sent.push(id);
    return { id, conversationId, seq: sent.length, status: "stored" };
  };
  const outbox = new Outbox({ store: memoryOutbox(), owner: "me", send, broadcast: (name, data) => announced.push([data.id, data.status]) });
  for (const id of ["first", "second", "third", "fourth"]) await outbox.add({ id, conversationId: 1 }, { id, message: id });
  await outbox.add({ id: "elsewhere", conversationId: 2 }, { id: "elsewhere" });
  await outbox.drain();
  assert.deepEqual(sent, [], "nothing is sent before there is a connection");
  await outbox.resume();
  assert.deepEqual(sent, ["elsewhere", "first", "second", "fourth"]);
  assert.deepEqual((await outbox.list()).map(({ id, status, error }) => [id, status, error.code]), [["third", "failed", "forbidden"]]);
  assert.deepEqual(announced.filter(([id]) => id === "third"), [["third", "sending"], ["third", "failed"]]);
  await outbox.retry("third");
  await outbox.drain();
  assert.deepEqual([sent.at(-1), await outbox.list()], ["third", []]);
}

/** Without a refresh token, an access token is used until it expires. */
async function withoutRefreshToken() {
  const token = `x.${btoa(JSON.stringify({ iat: 0, exp: 900 }))}.x`;
  const renewWith = () => Promise.reject(new ParleyError("unauthorized"));
  const tokens = new Tokens({ key: "k", storage: memoryStorage(), renewWith, onChange: () => {} });
  const { now } = Date;
  const saved = now();
  try {
    Date.now = () => saved;
    tokens.save({ accessToken: token }, { id: 1 });
    Date.now = () => saved + 899_999;
    assert.equal(await tokens.fresh(), token);
    Date.now = () => saved + 900_000;
    await assert.rejects(tokens.fresh(), (error) => error.code === "unauthorized");
    assert.equal(tokens.current, null);
  } finally {
    Date.now = now;
  }
}

/** The address of a medium is fetched once, and again shortly before it expires. */
async function mediaAddressesAreCached() {
  const asked = [];
  const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;
  const ends = { "/media/long/url": inSeconds(900), "/media/short/url": inSeconds(10) };
  const fetch = async (address) => {
    const path = address.slice("/api/v1".length);
    asked.push(path);
    return Response.json({ url: path, expiresAt: ends[path] });
  };
  const rest = new Rest({ url: "", fetch, tokens: () => ({ fresh: async () => "token" }) });
  for (const medium of ["long", "long", "short", "short"]) await rest.mediaUrl(medium);
  assert.deepEqual(asked, ["/media/long/url", "/media/short/url", "/media/short/url"]);
}

/** A file is downloaded unchanged, with a token that is renewed once. Refusals and network errors reject like any call. */
async function filesAreDownloaded() {
  const answers = [
    Response.json({ code: "unauthorized" }, { status: 401 }),
    new Response("one line\n"),
    Response.json({ code: "not_found" }, { status: 404 }),
  ];
  const asked = [];
  const fetch = async (address, { headers }) => {
    asked.push([address, headers.Authorization]);
    return answers.shift() ?? Promise.reject(new TypeError("fetch failed"));
  };
  const tokens = { fresh: async () => "old", renew: async () => "new" };
  const rest = new Rest({ url: "", fetch, tokens: () => tokens });
  assert.equal(await (await rest.download("/file")).text(), "one line\n");
  assert.deepEqual(asked, [["/api/v1/file", "Bearer old"], ["/api/v1/file", "Bearer new"]]);
  for (const code of ["not_found", "network"]) await assert.rejects(rest.download("/file"), { code });
}

/** The answers to an upload, from the server and from proxies in front of it. */
async function uploadsAreAnswered() {
  const answers = [
    Response.json({ mediaId: "m" }, { status: 202 }),
    Response.json({ code: "too_large", detail: "too many bytes" }, { status: 413 }),
    new Response("<h1>Bad gateway</h1>", { status: 502 }),
    new Response("<h1>Welcome to our network</h1>"),
  ];
  const rest = new Rest({ url: "", fetch: async () => answers.shift(), tokens: () => ({ fresh: async () => "token" }) });
  const upload = () => rest.upload(new Blob(["a"]), 1, {});
  assert.deepEqual(await upload(), { mediaId: "m" });
  for (const [code, status] of [["too_large", 413], ["overloaded", 502], ["network", undefined]]) {
    await assert.rejects(upload(), (error) => error instanceof ParleyError && error.code === code && error.status === status);
  }
}

/** If nobody waits any more for a token that the page gives late, the widget has to begin with it. */
async function lateTokenIsNotTakenForAnAnswer() {
  mock.timers.enable({ apis: ["setTimeout"] });
  let asked = 0;
  const source = new TokenSource({ url: null, ask: () => (asked += 1) });
  assert.equal(source.give("first"), false);
  assert.equal(await source.first(), "first");
  const late = source.next();
  mock.timers.tick(20_000);
  await assert.rejects(late, { code: "network" });
  assert.equal(source.give("second"), false);
  assert.equal(await source.next(), "second");
  const third = source.next();
  assert.equal(source.give("third"), true);
  assert.equal(await third, "third");
  assert.equal(asked, 2);
  mock.timers.reset();
}

idsGrow();
await streamHandlesOnce();
await streamTakesTextsThatShareACursor();
textsAreAdded();
await cursorFollowsHandling();
await handlersThatFail();
await marksAreBatched();
eventStreams();
await renewalsAreShared();
await outboxKeepsOrder();
await withoutRefreshToken();
await mediaAddressesAreCached();
await filesAreDownloaded();
await uploadsAreAnswered();
await lateTokenIsNotTakenForAnAnswer();
