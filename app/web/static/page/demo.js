// The links that `make run` prints: each signs one demo user in, in its own window. Two windows of one browser are two
// people then, so their tokens are kept by the window and not by the browser.

const IN_WINDOW = "parley.demo";

/** The code of the link that was followed, which goes from the address at once; null where it was no such link. */
export function demoCode() {
  const [, code] = location.hash.match(/^#demo=([\w.-]+)$/) ?? [];
  if (!code) return null;
  history.replaceState(null, "", location.pathname);
  return document.documentElement.dataset.demo === "on" ? code : null;
}

/** A demo link that is opened in a window where the page is already: the browser changes the fragment alone. */
export function followDemoLinks() {
  addEventListener("hashchange", () => location.hash.startsWith("#demo=") && location.reload());
}

/** @param {boolean} demo whether this window is to be a demo user's from now on */
export function storageOfThisWindow(demo) {
  if (demo) sessionStorage.setItem(IN_WINDOW, "on");
  return sessionStorage.getItem(IN_WINDOW) ? sessionStorage : localStorage;
}

/** Rejects with a `code` where the server does not take it. */
export async function demoSignIn(client, code) {
  const response = await fetch("/demo/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code }) });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.detail), { code: answer.code });
  await client.useTokens(answer);
}
