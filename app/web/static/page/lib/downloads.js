// Files that only their owner may have: the client asks for them with its token, and the browser is given what came.

/** Let the browser keep the file at `path` under `name`. Rejects like any call of the client. */
export async function download(client, path, name) {
  const address = URL.createObjectURL(await client.download(path));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser reads it when it will
}
