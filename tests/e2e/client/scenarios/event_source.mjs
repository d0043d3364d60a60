/** `node event_source.mjs <url> <token>`: opens the package `eventsource` and writes each event and state as a line of JSON. */
const path = "../../../../dev/javascript/node_modules/eventsource/dist/index.js";
const { EventSource } = await import(new URL(path, import.meta.url).href);
const [url, token] = process.argv.slice(2);

const withToken = (address, init) => fetch(address, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
const source = new EventSource(`${url}/api/v1/events`, { fetch: withToken });
const say = (line) => console.log(JSON.stringify(line));
for (const type of ["joined", "receive_message", "resync", "error"])
  source.addEventListener(type, ({ data }) => {
    say({ type, data: data ? JSON.parse(data) : null });
    say({ state: source.readyState });
  });
