// The widget as a page in a frame (/embed). The page around it gives the token by `postMessage({ type: "parley-token", token })`
// and gets the widget's events in the same way. Messages from origins that are not allowed are ignored.

import { ParleyChat } from "../widget.js";

const EVENTS = ["parley-ready", "parley-unread", "parley-message", "parley-error", "parley-token-needed"];
const TAKEN = ["conversation", "recipient", "theme"]; // from the query

const page = document.documentElement;
const query = new URLSearchParams(location.search);
const allowed = (page.dataset.origins ?? "").split(" ").filter(Boolean).map((one) => (one === "*" ? one : new URL(one).origin));
let host = ""; // the origin that gave the token

const chat = /** @type {ParleyChat} */ (document.createElement("parley-chat"));
chat.setAttribute("server", new URL(".", location.href).href);
for (const name of TAKEN) if (query.has(name)) chat.setAttribute(name, query.get(name) ?? "");
const lang = query.get("lang");
if (lang) page.lang = lang;
else page.removeAttribute("lang"); // so that the browser's languages are used

const sheet = new CSSStyleSheet();
sheet.replaceSync("html, body { height: 100%; margin: 0; } parley-chat { --parley-height: 100%; --parley-radius: 0px; }"); // not shown
document.adoptedStyleSheets = [sheet];

window.addEventListener("message", ({ source, origin, data }) => {
  if (source !== parent || data?.type !== "parley-token" || !(allowed.includes(origin) || allowed.includes("*"))) return;
  host = origin;
  if (typeof data.token === "string" && data.token) chat.token = data.token;
  else post({ type: "parley-error", code: "invalid" });
});
for (const name of EVENTS) chat.addEventListener(name, (event) => post({ type: name, .../** @type {CustomEvent} */ (event).detail }));
document.body.append(chat);
parent.postMessage({ type: "parley-waiting" }, "*"); // not secret: any page may see that a token can come now

/** @param {any} data */
function post(data) {
  if (host) parent.postMessage(data, host === "null" ? "*" : host);
}
