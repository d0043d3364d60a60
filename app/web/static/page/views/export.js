// A copy of the user's data: requested, prepared by the server, then downloaded. The browser remembers the request, so
// that the user can leave and come back.

import { button, busy } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { failure, spinner } from "/client/ui/empty.js";
import { toastError } from "../components/toast.js";
import { storageOfThisWindow } from "../demo.js";
import { download } from "../lib/downloads.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { exactly } from "/client/ui/times.js";

const FILE = "parley-export.jsonl";
const POLL_MS = 1_000;
const MAX_POLL_MS = 15_000;
const words = () => ({ rate_limited: t("You've reached today's limit. Please try again tomorrow.") });

export function openExport({ store }) {
  const copy = new Copy(store);
  copy.begin();
  return openDialog(t("A copy of your data"), () => [
    h("p", null, t("Your profile, the people you blocked, and your conversations with their messages, in JSON Lines format. Pictures and other files are listed but not included.")),
    copy.element,
  ]);
}

class Copy {
  element = h("div.copy", { "aria-live": "polite" });
  #client;
  #storage = storageOfThisWindow(false);
  #key;
  #wait = POLL_MS;

  constructor({ client, me }) {
    this.#client = client;
    this.#key = `parley.export.${me.id}`;
  }

  begin() {
    const id = this.#storage.getItem(this.#key);
    return id ? this.#check(id) : this.#offer();
  }

  #offer(text = "", label = t("Prepare a copy")) {
    const make = button(label, () => this.#make(make), "primary");
    fill(this.element, text && h("p", null, text), h("div.actions", null, make));
  }

  async #make(pressed) {
    this.#wait = POLL_MS;
    const copy = await busy(pressed, () => this.#client.request("POST", "/me/export"), (error) => toastError(error, words()));
    if (!copy) return;
    this.#storage.setItem(this.#key, copy.exportId);
    this.#show(copy);
  }

  async #check(id) {
    if (!this.element.childElementCount) fill(this.element, spinner(t("Loading")));
    try {
      this.#show(await this.#client.request("GET", `/me/exports/${id}`));
    } catch (error) {
      if (error.code !== "not_found") return fill(this.element, failure(error, () => this.#check(id)));
      this.#storage.removeItem(this.#key); // it has expired
      this.#offer();
    }
    return undefined;
  }

  #show({ exportId, status, expiresAt }) {
    if (status === "pending") this.#pending(exportId);
    else if (status === "ready") this.#ready(exportId, expiresAt);
    else this.#offer(t("Couldn't prepare your copy."), t("Try again"));
  }

  #pending(id) {
    if (!this.element.querySelector(".pending")) {
      fill(this.element, h("div.pending", null, spinner(t("Preparing your copy")), h("p", null, t("We're preparing your copy. You can close this window and come back later."))));
    }
    setTimeout(() => this.element.isConnected && this.#check(id), this.#wait);
    this.#wait = Math.min(this.#wait * 1.5, MAX_POLL_MS);
  }

  #ready(id, expiresAt) {
    const gone = { not_found: t("This copy is no longer available. Please prepare a new one.") };
    const get = button(t("Download"), () => busy(get, () => download(this.#client, `/me/exports/${id}/file`, FILE), (error) => toastError(error, gone)), "primary");
    const again = button(t("Prepare a new copy"), () => this.#make(again));
    fill(this.element, h("p", null, h("strong", null, t("Your copy is ready.")), " ", expiresAt ? t("You can download it until {time}.", { time: exactly(expiresAt) }) : ""),
      h("div.actions", null, again, get));
  }
}
