/** How the client reacts to each close code. This program plays the server. */
import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";
import { makeClient, scenario, until } from "./support.mjs";

const require = createRequire(new URL("../../../../dev/javascript/package.json", import.meta.url));
const { WebSocketServer } = require("ws");
const timing = { retryMs: 30, maxRetryMs: 60, pingMs: 60_000 };
const token = (number) => `x.${btoa(JSON.stringify({ sub: "1", iat: 0, exp: 900, number }))}.x`;

const calls = [];
const fetches = []; // of unread messages
let unread = []; // in `joined`
let greedy = 0; // a fetch of more than this is too much for the connection
const joins = [];
let refreshAllowed = true;
const server = http.createServer((request, response) => {
  calls.push(request.url);
  const refused = request.url.endsWith("/auth/refresh") && !refreshAllowed;
  response.writeHead(refused ? 401 : 200, { "Content-Type": "application/json" });
  const answers = { "/api/v1/me": { id: 1 }, "/api/v1/auth/refresh": { accessToken: token(calls.length), refreshToken: "next" } };
  response.end(JSON.stringify(refused ? { code: "unauthorized" } : answers[request.url]));
});
const sockets = new WebSocketServer({ server });
let session;
sockets.on("connection", (socket) => {
  socket.on("message", (text) => {
    const { event, data, ref } = JSON.parse(text);
    if (event === "fetch_unread_messages") {
      fetches.push(data.limit ?? 200);
      if (fetches.at(-1) > greedy) socket.close(4429);
      else socket.send(JSON.stringify({ event: "unread_messages", ref, data: { messages: [], hasMore: false } }));
    }
    if (event !== "join") return;
    joins.push({ ...data, at: Date.now() });
    session = socket;
    socket.send(JSON.stringify({ event: "joined", ref, data: { userId: 1, sessionId: `s${joins.length}`, cursor: "c0", unread, limits: {} } }));
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

async function signedIn() {
  joins.length = calls.length = 0;
  const client = makeClient({ url: `http://127.0.0.1:${server.address().port}`, timing, transports: ["websocket"] });
  await client.useTokens({ accessToken: token(0), refreshToken: "first" });
  await client.connect();
  return client;
}

async function comesBack(code) {
  const client = await signedIn();
  session.send(JSON.stringify({ event: "typing", data: { conversationId: 1, userId: 2, typing: true }, cursor: "c7" }));
  await until(() => client.cursor === "c7", "the event", client);
  const ended = Date.now();
  session.close(code);
  await until(() => joins.length === 2, `a second join after ${code}`, client);
  assert.equal(joins[1].cursor, "c7", "resumes from its cursor");
  assert.ok(joins[1].at - ended >= 10, "waits before it reconnects");
  assert.ok(!calls.includes("/api/v1/auth/refresh"));
  client.close();
}

async function renewsFirst() {
  const client = await signedIn();
  session.send(JSON.stringify({ event: "error", data: { code: "unauthorized", message: "The token ended." } }));
  session.close(4401);
  await until(() => joins.length === 2, "a second join after 4401", client);
  assert.ok(calls.includes("/api/v1/auth/refresh"));
  assert.notEqual(joins[1].token, joins[0].token);
  client.close();
}

async function signsOut() {
  const client = await signedIn();
  refreshAllowed = false;
  session.close(4401);
  await until(() => client.events.some((event) => event.name === "signed_out"), "signed_out", client);
  assert.equal(client.me, null);
  assert.equal(joins.length, 1);
}

async function stops(code) {
  const client = await signedIn();
  session.close(code);
  await until(() => client.state.status === "offline", "the end", client);
  assert.equal(client.state.error.code, "invalid");
  assert.equal(client.state.retryInMs, undefined, "it does not reconnect by itself");
  assert.equal(joins.length, 1);
  await client.connect();
  assert.equal(joins.length, 2);
  client.close();
}

/** What was too much the first time is not asked for again. */
async function asksForLess() {
  [unread, greedy] = [[{ conversationId: 1, count: 90 }], 20];
  const client = await signedIn();
  await until(() => client.events.some((event) => event.name === "unread_messages"), "unread messages", client);
  assert.deepEqual(fetches, [200, 50, 13]);
  client.close();
  unread = [];
}

/** A transport that is cut again and again for its slowness is left for the next one. */
async function stepsDown() {
  joins.length = calls.length = 0;
  const client = makeClient({ url: `http://127.0.0.1:${server.address().port}`, timing, transports: ["websocket", "long-poll"] });
  await client.useTokens({ accessToken: token(0), refreshToken: "first" });
  await client.connect();
  for (let cut = 1; cut <= 3; cut += 1) {
    await until(() => joins.length === cut, `join ${cut}`, client);
    await until(() => client.state.status === "online", "online", client);
    session.close(4429);
  }
  await until(() => calls.some((url) => url.startsWith("/api/v1/events/poll")), "a poll", client);
  assert.equal(joins.length, 3);
  client.close();
}

await scenario(async () => {
  await asksForLess();
  await stepsDown();
  for (const code of [1001, 1013, 4429, 1011]) await comesBack(code);
  await renewsFirst();
  for (const code of [1008, 1009]) await stops(code);
  await signsOut();
});
