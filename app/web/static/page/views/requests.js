// Requests of people who want to add the user to a group, or who have written to the user. The user accepts or refuses each.

import { avatarOf } from "/client/ui/avatar.js";
import { button, busy } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h, reconcile } from "/client/ui/dom.js";
import { atName, plural, t } from "/client/ui/language.js";

const goneWords = () => ({ not_found: t("This request no longer exists.") });

export function openRequests(app) {
  return openDialog(t("Requests"), (close) => new RequestList(app, close).element);
}

function wish({ kind, memberCount, sender }) {
  if (kind === "direct") return `${t("Wants to write to you")} · ${atName(sender.username)}`;
  return `${t("{name} wants to add you", { name: sender.displayName })} · ${plural(memberCount, "{count} member", "{count} members")}`;
}

class RequestList {
  #app;
  #waiting;
  #close;
  #rows = h("ul.rows", { "aria-label": t("Requests") });
  #state = h("div.state", { "aria-live": "polite" });

  constructor(app, close) {
    [this.#app, this.#waiting, this.#close] = [app, app.requests, close];
    this.element = h("div.requests", null, this.#rows, this.#state);
    const stop = app.store.topics.on("requests", () => (this.element.isConnected ? this.#draw() : stop()));
    this.#draw();
    this.#waiting.load();
  }

  #draw() {
    const requests = this.#waiting.list();
    reconcile(this.#rows, requests.map((request) => ({ key: request.conversationId, deps: [request.createdAt], make: () => this.#row(request) })));
    const { ready, failed } = this.#waiting;
    if (failed) fill(this.#state, failure(failed, () => this.#waiting.load()));
    else if (!ready) fill(this.#state, spinner(t("Loading requests")));
    else fill(this.#state, requests.length ? null : empty("group", t("No requests"), t("People who need your consent to write to you or to add you to a group appear here.")));
  }

  #row(request) {
    const { client } = this.#app.store;
    const { conversationId: id, name, sender } = request;
    const row = h("li.request", null, avatarOf(sender),
      h("div.grow", null, h("p.name", { dir: "auto" }, name), h("p.detail", null, wish(request))));
    const accept = button(t("Accept"), () => this.#answer(id, row, accept, () => client.acceptRequest(id), () => this.#joined(id)), "primary");
    const refuse = button(t("Refuse"), () => this.#answer(id, row, refuse, () => client.refuseRequest(id).then(() => true), () => toast(t("Refused"))));
    row.append(h("div.actions", null, refuse, accept));
    return row;
  }

  async #answer(id, row, pressed, call, then) {
    const next = row.nextElementSibling ?? row.previousElementSibling; // the event may remove the row before the answer
    let gone = false;
    const done = await busy(pressed, call, (error) => {
      toastError(error, goneWords());
      gone = error.code === "not_found";
    });
    if (!done && !gone) return;
    next?.querySelector("button")?.focus();
    this.#waiting.drop(id);
    if (done) then();
  }

  #joined(id) {
    this.#close();
    this.#app.open(id);
  }
}
