// Where the page begins: who is signed in, or who a demo link signs in; then the conversations, or the form.

import "./trust.js";
import { Parley } from "/client/parley.js";
import { spinner } from "./components/empty.js";
import { installToasts, toastError } from "./components/toast.js";
import { fill, h } from "./lib/dom.js";
import { sentence } from "./lib/words.js";
import { applyTheme } from "./lib/theme.js";
import { Store } from "./store/store.js";
import { demoCode, demoSignIn, followDemoLinks, storageOfThisWindow } from "./demo.js";
import { Shell } from "./views/shell.js";
import { signIn } from "./views/sign_in.js";

const root = document.getElementById("app");
let shell = null;

async function begin() {
  applyTheme();
  installToasts();
  followDemoLinks();
  const code = demoCode();
  const client = new Parley({ storage: storageOfThisWindow(code !== null) });
  client.on("signed_out", () => shell && showSignIn(client, "You have been signed out."));
  let note = "";
  if (code !== null) {
    fill(root, h("main.sign-in", null, spinner("Signing in")));
    note = await demoSignIn(client, code).then(() => "", (error) => sentence(error, { unauthorized: "This demo link is of an earlier run. Take the one that is printed now.", not_found: "There are no demo links here." }));
  }
  if (client.me) await showShell(client);
  else showSignIn(client, note);
}

function showSignIn(client, note) {
  shell?.close();
  shell = null;
  document.title = "Parley";
  fill(root, signIn(client, { note, onSignedIn: () => showShell(client) }));
}

async function showShell(client) {
  const store = new Store(client);
  const signOut = async () => {
    await client.logout().catch(toastError);
    location.hash = "";
    location.reload(); // nothing of one person is left in memory for the next
  };
  shell = new Shell(store, { onSignOut: signOut });
  fill(root, shell.element);
  await store.begin().catch((error) => shell && toastError(error));
}

begin().catch((error) => {
  reportError(error);
  fill(root, h("main.sign-in", null, h("p.problem", { role: "alert" }, "The page could not start. Please reload it.")));
});
