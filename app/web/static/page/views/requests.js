// Requests of people who want to add the user to a group, or who have written to the user. The user accepts or refuses each.

import { avatarOf } from "../components/avatar.js";
import { button, busy } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { empty, failure, spinner } from "../components/empty.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";

const GONE = { not_found: "This request no longer exists." };

/** Returns how many requests wait; 0 if the server cannot be reached. */
export async function countRequests(client) {
  return client.requests().then(({ requests }) => requests.length, () => 0);
}

export function openRequests(app) {
  return openDialog("Requests", (close) => new RequestList(app, close).element);
}

function wish({ kind, memberCount, sender }) {
  if (kind === "direct") return `Wants to write to you · @${sender.username}`;
  return `${sender.displayName} wants to add you · ${memberCount} ${memberCount === 1 ? "member" : "members"}`;
}

class RequestList {
  #app;
  #close;
  #rows = h("ul.rows", { "aria-label": "Requests" });
  #state = h("div.state", { "aria-live": "polite" });

  constructor(app, close) {
    [this.#app, this.#close] = [app, close];
    this.element = h("div.requests", null, this.#rows, this.#state);
    this.#load();
  }

  async #load() {
    fill(this.#state, spinner("Loading requests"));
    try {
      const { requests } = await this.#app.store.client.requests();
      fill(this.#rows, requests.map((request) => this.#row(request)));
      this.#drawState();
    } catch (error) {
      fill(this.#state, failure(error, () => this.#load()));
    }
  }

  #row(request) {
    const { client } = this.#app.store;
    const { conversationId: id, name, sender } = request;
    const row = h("li.request", null, avatarOf(sender),
      h("div.grow", null, h("p.name", null, name), h("p.detail", null, wish(request))));
    const accept = button("Accept", () => this.#answer(row, accept, () => client.acceptRequest(id), () => this.#joined(id)), "primary");
    const refuse = button("Refuse", () => this.#answer(row, refuse, () => client.refuseRequest(id).then(() => true), () => toast("Refused")));
    row.append(h("div.actions", null, refuse, accept));
    return row;
  }

  async #answer(row, pressed, call, then) {
    let gone = false;
    const done = await busy(pressed, call, (error) => {
      toastError(error, GONE);
      gone = error.code === "not_found";
    });
    if (!done && !gone) return;
    (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button")?.focus();
    row.remove();
    this.#drawState();
    if (done) then();
  }

  #joined(id) {
    this.#close();
    this.#app.open(id);
  }

  #drawState() {
    fill(this.#state, this.#rows.childElementCount ? null : empty("group", "No requests", "People who need your consent to write to you or to add you to a group appear here."));
  }
}
