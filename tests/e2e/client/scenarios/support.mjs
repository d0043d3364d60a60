/** What the scenarios share. Each is a program: `node name.mjs <server's url> [argument]`; it fails by throwing. */
import { createRequire } from "node:module";
import { memoryStorage } from "../../../../client/lib/tokens.js";
import { Parley } from "../../../../client/parley.js";

const require = createRequire(new URL("../../../../dev/javascript/package.json", import.meta.url));
export const { WebSocket } = require("ws");
export const [url, argument] = process.argv.slice(2);
export const PASSWORD = "correct horse battery";

const clients = [];

/** Closes what is open, however the scenario ends. */
export async function scenario(run) {
  try {
    await run();
  } finally {
    for (const client of clients) client.close();
  }
  process.exit(0); // keep-alive connections of fetch would hold it for some seconds
}

/** A client with all that came to it in `events`. */
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
 * The option `fetch` for clients behind a proxy that cuts: renewals go past it. Where the answer to one is lost the
 * sign-in ends, as it should, and that is not what these scenarios are about.
 */
export const renewingPastProxy = (address, init) => fetch(address.replace(/^.*(?=\/api\/v1\/auth\/refresh$)/, url), init);

/** The option `renew`: a new sign-in each time, for pages of one user that take no turns. */
export const signingInAgain = (username) => async () => {
  const body = JSON.stringify({ username, password: PASSWORD });
  const answer = await fetch(`${url}/api/v1/auth/login`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const { accessToken, refreshToken } = await answer.json();
  return { accessToken, refreshToken };
};

export const named = (client, name) => client.events.filter((event) => event.name === name).map((event) => event.data);
export const texts = (client) => named(client, "receive_message").map((message) => message.message);

/** The first truthy value of `find`; an error that shows what there was instead, after some time. */
export async function until(find, what, client, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (Date.now() > deadline) {
      const last = client ? JSON.stringify(client.events.slice(-12), null, 1) : "";
      throw new Error(`waited ${seconds} s for ${what} ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const event = (client, name, match = () => true) =>
  until(() => named(client, name).find(match), `${name} ${match}`, client);

export const online = (client, transport) =>
  until(() => client.state.status === "online" && client.state.transport === transport, transport, client);

/** Numbers from a seed: mulberry32. */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
