// The entry point: signs in with the stored tokens or a demo link, then shows the conversations or the sign-in form.

import "./trust.js";
import { Parley } from "/client/parley.js";
import { spinner } from "./components/empty.js";
import { installToasts, toast, toastError } from "./components/toast.js";
import { fill, h } from "./lib/dom.js";
import { sentence } from "./lib/words.js";
import { applyTheme } from "./lib/theme.js";
import { Store } from "./store/store.js";
import { demoCode, demoSignIn, followDemoLinks, storageOfThisWindow } from "./demo.js";
import { Shell } from "./views/shell.js";
import { confirmAddress, forgotten, mailedLink, newPassword } from "./views/forgotten.js";
import { signIn } from "./views/sign_in.js";

const root = document.getElementById("app");
const NOTE = "parley.note";
const DEMO_WORDS = {
  unauthorized: "This demo link is from an earlier run. Use the link that is printed now.",
  not_found: "This server has no demo links.",
};

async function begin() {
  applyTheme();
  installToasts();
  followDemoLinks();
  const code = demoCode();
  const client = new Parley({ storage: storageOfThisWindow(code !== null) });
  const note = code === null ? takeNote() : await followDemo(client, code);
  const link = mailedLink();
  if (link?.what === "reset-password") fill(root, newPassword(client, link.token, (text) => leave(text)));
  else if (client.me) await showShell(client);
  else showSignIn(client, link ? await confirmAddress(client, link.token) : note);
  if (link?.what === "verify-email" && client.me) toast(await confirmAddress(client, link.token));
}

function showSignIn(client, note) {
  const onForgotten = () => fill(root, forgotten(client, (text) => showSignIn(client, text)));
  fill(root, signIn(client, { note, onSignedIn: () => showShell(client), onForgotten }));
}

/** Returns the text to show if the sign-in fails, else an empty string. */
async function followDemo(client, code) {
  fill(root, h("main.sign-in", null, spinner("Signing in")));
  return demoSignIn(client, code).then(() => "", (error) => sentence(error, DEMO_WORDS));
}

async function showShell(client) {
  let leaving = false;
  client.on("signed_out", () => leaving || leave("You have been signed out."));
  const signOut = async () => {
    leaving = true;
    await client.logout().catch(toastError);
    leave("");
  };
  const deleteAccount = async (password) => {
    leaving = true; // the server ends this session before it answers
    try {
      await client.request("DELETE", "/me", password === undefined ? undefined : { password });
    } catch (error) {
      if (!client.me) leave("You have been signed out."); // the account may be deleted although the answer was lost
      leaving = false;
      throw error;
    }
    await client.logout().catch(() => undefined); // the tokens no longer work; this removes them from the browser
    leave("Your account has been deleted.");
  };
  const store = new Store(client);
  fill(root, new Shell(store, { onSignOut: signOut, onDeleteAccount: deleteAccount }).element);
  await store.begin().catch((error) => client.me && toastError(error));
}

/** Reloads the page, so that nothing of this user stays in memory for the next one. */
function leave(note) {
  sessionStorage.setItem(NOTE, note);
  history.replaceState(null, "", location.pathname);
  location.reload();
}

function takeNote() {
  const note = sessionStorage.getItem(NOTE) ?? "";
  sessionStorage.removeItem(NOTE);
  return note;
}

begin().catch((error) => {
  reportError(error);
  fill(root, h("main.sign-in", null, h("p.problem", { role: "alert" }, "Parley could not start. Please reload the page.")));
});
