// Files that only their owner may have: they are asked for with the client's token, as everything is, and then given to
// the browser to keep. The client reads each answer as JSON, so the file is taken out of the answer on its way to it.

const FILE = /\/api\/v1\/me\/exports\/[^/]+\/file$/;
const arrived = new Map(); // by address, until it is taken

/** In place of `fetch`, for the client. */
export async function fetchKeepingFiles(address, init) {
  if (!FILE.test(address)) return fetch(address, init);
  const { signal, ...rest } = init; // the client waits half a minute, and a large file may take longer
  const response = await fetch(address, rest);
  if (!response.ok) return response;
  arrived.set(new URL(address, location.origin).pathname, await response.blob());
  return Response.json({});
}

/** Let the browser keep the file at `path` under `name`. Rejects like any call of the client. */
export async function download(client, path, name) {
  await client.request("GET", path);
  const key = `/api/v1${path}`;
  const address = URL.createObjectURL(arrived.get(key));
  arrived.delete(key);
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser reads it when it will
}
