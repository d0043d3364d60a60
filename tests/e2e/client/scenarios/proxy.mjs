/** A proxy that behaves like bad ones: it cuts upgrades, buffers event streams, refuses and cuts connections. */
import net from "node:net";

export async function startProxy(url) {
  const target = new URL(url);
  const pairs = new Set();
  const proxy = { cutUpgrades: false, bufferStreams: false, refuse: false, upgrades: 0, cut, close, url: "" };

  const server = net.createServer((inner) => {
    if (proxy.refuse) return inner.destroy();
    const outer = net.connect(Number(target.port), target.hostname);
    const pair = { inner, outer };
    pairs.add(pair);
    let buffering = false;
    inner.on("data", (chunk) => {
      const head = chunk.toString("latin1");
      if (/^GET \/ws /.test(head)) {
        proxy.upgrades += 1;
        if (proxy.cutUpgrades) return end(pair);
      }
      if (/^GET \/api\/v1\/events(\?| )/.test(head)) buffering = proxy.bufferStreams;
      outer.write(chunk);
    });
    outer.on("data", (chunk) => buffering || inner.write(chunk));
    for (const socket of [inner, outer]) socket.on("close", () => end(pair)).on("error", () => end(pair));
  });

  function end(pair) {
    pairs.delete(pair);
    pair.inner.destroy();
    pair.outer.destroy();
  }

  /** Cuts every open connection. New ones are served, unless `refuse` is set. */
  function cut() {
    for (const pair of pairs) end(pair);
  }

  function close() {
    cut();
    server.close();
  }

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  return proxy;
}
