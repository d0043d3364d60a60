// Downloads of private files: the client fetches them with its token and passes the result to the browser.

/** Saves the file at `path` as `name`. Rejects like any call of the client. */
export async function download(client, path, name) {
  const address = URL.createObjectURL(await client.download(path));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser may read it later
}
