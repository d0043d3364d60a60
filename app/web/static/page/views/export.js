// A copy of one's own data: asked for, made by the server in its own time, downloaded. Which copy was asked for is kept in
// this browser, so that one may leave and come back.

import { button, busy } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { failure, spinner } from "../components/empty.js";
import { toastError } from "../components/toast.js";
import { storageOfThisWindow } from "../demo.js";
import { download } from "../lib/downloads.js";
import { fill, h } from "../lib/dom.js";
import { exactly } from "../lib/times.js";

const FILE = "parley-export.jsonl";
const ASK_MS = 1_000;
const ASK_MOST_MS = 15_000;
const WORDS = { rate_limited: "You have asked for many copies today. Please try again tomorrow." };

export function openExport({ store }) {
  const copy = new Copy(store);
  copy.begin();
  return openDialog("A copy of your data", () => [
    h("p", null, "Your profile, whom you have blocked, and your conversations with their messages, as lines of JSON. Pictures and other files are named in it, and not part of it."),
    copy.element,
  ]);
}

class Copy {
  element = h("div.copy", { "aria-live": "polite" });
  #client;
  #storage = storageOfThisWindow(false);
  #key;
  #wait = ASK_MS;

  constructor({ client, me }) {
    this.#client = client;
    this.#key = `parley.export.${me.id}`;
  }

  begin() {
    const id = this.#storage.getItem(this.#key);
    return id ? this.#ask(id) : this.#offer();
  }

  #offer(text = "", label = "Prepare a copy") {
    const make = button(label, () => this.#make(make), "primary");
    fill(this.element, text && h("p", null, text), h("div.actions", null, make));
  }

  async #make(pressed) {
    this.#wait = ASK_MS;
    const copy = await busy(pressed, () => this.#client.request("POST", "/me/export"), (error) => toastError(error, WORDS));
    if (!copy) return;
    this.#storage.setItem(this.#key, copy.exportId);
    this.#show(copy);
  }

  async #ask(id) {
    if (!this.element.childElementCount) fill(this.element, spinner("Loading"));
    try {
      this.#show(await this.#client.request("GET", `/me/exports/${id}`));
    } catch (error) {
      if (error.code !== "not_found") return fill(this.element, failure(error, () => this.#ask(id)));
      this.#storage.removeItem(this.#key); // its time is over
      this.#offer();
    }
    return undefined;
  }

  #show({ exportId, status, expiresAt }) {
    if (status === "pending") this.#pending(exportId);
    else if (status === "ready") this.#ready(exportId, expiresAt);
    else this.#offer("The copy could not be made.", "Try again");
  }

  #pending(id) {
    if (!this.element.querySelector(".pending")) {
      fill(this.element, h("div.pending", null, spinner("In the making"), h("p", null, "Your copy is being made. You can close this, and come back for it later.")));
    }
    setTimeout(() => this.element.isConnected && this.#ask(id), this.#wait);
    this.#wait = Math.min(this.#wait * 1.5, ASK_MOST_MS);
  }

  #ready(id, expiresAt) {
    const words = { not_found: "This copy is not there any more. Please make a new one." };
    const get = button("Download", () => busy(get, () => download(this.#client, `/me/exports/${id}/file`, FILE), (error) => toastError(error, words)), "primary");
    const again = button("Make a new one", () => this.#make(again));
    fill(this.element, h("p", null, h("strong", null, "Your copy is ready. "), expiresAt ? `It can be had until ${exactly(expiresAt)}.` : ""),
      h("div.actions", null, again, get));
  }
}
