/** Helpers of the scenarios. Each scenario is a program, `node name.mjs <url of the server> [argument]`, and fails by throwing. */
import { createRequire } from "node:module";
import { memoryStorage } from "../../../../client/lib/tokens.js";
import { Parley } from "../../../../client/parley.js";

const require = createRequire(new URL("../../../../dev/javascript/package.json", import.meta.url));
export const { WebSocket } = require("ws");
export const [url, argument] = process.argv.slice(2);
export const PASSWORD = "correct horse battery";

const clients = [];

/** Runs a scenario and closes its clients, even if it fails. */
export async function scenario(run) {
  try {
    await run();
  } finally {
    for (const client of clients) client.close();
  }
  process.exit(0); // keep-alive connections of fetch would delay the exit by seconds
}

/** Creates a client that collects its events in `events`. */
export function makeClient(options = {}) {
  const client = new Parley({ url, storage: memoryStorage(), WebSocket, ...options });
  client.events = [];
  client.on("*", (data, name) => void client.events.push({ name, data }));
  clients.push(client);
  return client;
}

export async function makeUser(options = {}) {
  const client = makeClient(options);
  const username = `u${crypto.randomUUID().slice(-12)}`;
  await client.register({ username, password: PASSWORD });
  return Object.assign(client, { username });
}

/**
 * The option `fetch` for clients behind a proxy that cuts connections: renewals bypass the proxy. If the answer to a
 * renewal is lost, the sign-in ends, as it should, but these scenarios do not test that.
 */
export const renewingPastProxy = (address, init) => fetch(address.replace(/^.*(?=\/api\/v1\/auth\/refresh$)/, url), init);

/** The option `renew` that signs in again each time, for pages of one user that do not share a lock. */
export const signingInAgain = (username) => async () => {
  const body = JSON.stringify({ username, password: PASSWORD });
  const answer = await fetch(`${url}/api/v1/auth/login`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const { accessToken, refreshToken } = await answer.json();
  return { accessToken, refreshToken };
};

export const named = (client, name) => client.events.filter((event) => event.name === name).map((event) => event.data);
export const texts = (client) => named(client, "receive_message").map((message) => message.message);

/** Waits for a truthy value of `find` and returns it; after a timeout throws an error that shows the last events. */
export async function until(find, what, client, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (Date.now() > deadline) {
      const last = client ? JSON.stringify(client.events.slice(-12), null, 1) : "";
      throw new Error(`no result after ${seconds} s: ${what} ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const event = (client, name, match = () => true) =>
  until(() => named(client, name).find(match), `${name} ${match}`, client);

export const online = (client, transport) =>
  until(() => client.state.status === "online" && client.state.transport === transport, transport, client);

/** Returns a random number generator for a seed (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
