// The entry point: signs in with the stored tokens or a demo link, then shows the conversations or the sign-in form.

import "./trust.js";
import "./lib/icons.js";
import { Parley } from "/client/parley.js";
import { spinner } from "/client/ui/empty.js";
import { later } from "./components/later.js";
import { installToasts, toast } from "./components/toast.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { setServer } from "/client/ui/server.js";
import { chosenLanguage, useLanguage } from "./lib/language.js";
import { sentence } from "/client/ui/words.js";
import { applyTheme } from "./lib/theme.js";
import { demoCode, demoSignIn, followDemoLinks, storageOfThisWindow } from "./demo.js";
import { adoptLanguage } from "./views/language_choice.js";
import { confirmAddress, mailedLink } from "./views/mailed_link.js";
import { signIn } from "./views/sign_in.js";

const root = document.getElementById("app");
const NOTE = "parley.note";
const demoWords = () => ({
  unauthorized: t("This demo link is from an earlier run. Use the link that is printed now."),
  not_found: t("This server has no demo links."),
});

async function begin() {
  applyTheme();
  installToasts();
  followDemoLinks();
  const code = demoCode();
  const url = location.origin + location.pathname.replace(/\/[^/]*$/, ""); // the server may be mounted below a prefix
  setServer(url);
  const client = new Parley({ url, storage: storageOfThisWindow(code !== null), language: chosenLanguage() ?? undefined });
  if (client.me || code !== null) loadRest().catch(() => undefined); // `later` handles it
  await useLanguage();
  const note = code === null ? takeNote() : await followDemo(client, code);
  const link = mailedLink();
  if (link?.what === "reset-password") await later(import("./views/forgotten.js"), ({ newPassword }) => fill(root, newPassword(client, link.token, leave)));
  else if (client.me) await showConversations(client);
  else showSignIn(client, link ? await confirmAddress(client, link.token) : note);
  if (link?.what === "verify-email" && client.me) toast(await confirmAddress(client, link.token));
}

function showSignIn(client, note) {
  const onForgotten = () => later(import("./views/forgotten.js"), ({ forgotten }) => fill(root, forgotten(client, (text) => showSignIn(client, text))));
  fill(root, signIn(client, { note, onSignedIn: () => adoptLanguage(client).catch(() => undefined).then(() => showConversations(client)), onForgotten }));
  root.addEventListener("input", () => loadRest().catch(() => undefined), { once: true }); // somebody is about to sign in
}

/** Returns the text to show if the sign-in fails, else an empty string. */
async function followDemo(client, code) {
  fill(root, h("main.sign-in", null, spinner(t("Signing in"))));
  return demoSignIn(client, code).then(() => "", (error) => sentence(error, demoWords()));
}

/** The first script is small, so that the form shows soon. The rest is loaded meanwhile. */
const loadRest = () => import("./views/signed_in.js");

function showConversations(client) {
  return later(loadRest(), ({ showShell }) => showShell(client, root, leave));
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
  fill(root, h("main.sign-in", null, h("p.problem", { role: "alert" }, t("Parley could not start. Please reload the page."))));
});
