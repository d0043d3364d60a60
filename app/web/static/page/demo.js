// The links that `make run` prints. Each link signs a demo user in, in its own window. Two windows of one browser can
// therefore be two people, so their tokens are stored per window and not per browser.

const IN_WINDOW = "parley.demo";

/** Returns the code of a demo link and removes it from the address; null if the page was opened in another way. */
export function demoCode() {
  const [, code] = location.hash.match(/^#demo=([\w.-]+)$/) ?? [];
  if (!code) return null;
  history.replaceState(null, "", location.pathname);
  return document.documentElement.dataset.demo === "on" ? code : null;
}

/** Reloads when a demo link is opened in a window that already shows the page: the browser only changes the fragment. */
export function followDemoLinks() {
  addEventListener("hashchange", () => location.hash.startsWith("#demo=") && location.reload());
}

/** @param {boolean} demo whether this window belongs to a demo user from now on */
export function storageOfThisWindow(demo) {
  if (demo) sessionStorage.setItem(IN_WINDOW, "on");
  return sessionStorage.getItem(IN_WINDOW) ? sessionStorage : localStorage;
}

/** Rejects with a `code` if the server refuses the demo code. */
export async function demoSignIn(client, code) {
  const response = await fetch("demo/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code }) });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.detail), { code: answer.code });
  await client.useTokens(answer);
}
