// Reported messages, for administrators to review and decide. The server shows them to nobody else.

import { button, busy } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { empty, failure, spinner } from "/client/ui/empty.js";
import { field, select } from "../components/field.js";
import { moreButton } from "../components/more.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h, reconcile } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { reportRow } from "./report_row.js";

const states = () => [["open", t("Open")], ["reviewing", t("In review")], ["resolved", t("Resolved")], ["dismissed", t("Dismissed")]];
const nothing = () => ({ open: t("No open reports"), reviewing: t("No reports in review"), resolved: t("No resolved reports yet"), dismissed: t("No dismissed reports yet") });
const doneWords = () => ({ reviewing: t("Review started"), resolved: t("Resolved"), dismissed: t("Dismissed") });
const conflictWords = () => ({ conflict: t("Someone else has already handled this report.") });

/** Returns true for administrators; the server answers others with 404. */
export async function mayHandleReports(client) {
  try {
    await client.request("GET", "/admin/reports?limit=1");
    return true;
  } catch {
    return false; // the settings work without it; opening them again tries again
  }
}

export async function openReports(app) {
  const queue = new Queue(app.store);
  await openDialog(t("Reports"), () => queue.element);
  queue.close();
}

class Queue {
  #store;
  #state = "open";
  #reports = [];
  #cursor;
  #loads = 0;
  #end;
  #rows = h("ul.reports", { "aria-label": t("Reports") });
  #below = h("div", { "aria-live": "polite" });

  constructor(store) {
    this.#store = store;
    this.#end = store.topics.on("people", () => this.#draw());
    this.element = h("div.queue", null, select(t("Show"), states(), this.#state, (state) => this.#open(state)), this.#rows, this.#below);
    this.#open(this.#state);
  }

  close() {
    this.#end();
  }

  #open(state) {
    [this.#state, this.#reports, this.#cursor] = [state, [], undefined];
    this.#draw();
    return this.#load();
  }

  async #load() {
    const load = (this.#loads += 1);
    const after = this.#cursor ? `&cursor=${encodeURIComponent(this.#cursor)}` : "";
    fill(this.#below, spinner(t("Loading reports")));
    try {
      const { reports, cursor } = await this.#store.client.request("GET", `/admin/reports?state=${this.#state}${after}`);
      if (load !== this.#loads) return; // the user chose another list in the meantime
      this.#reports.push(...reports);
      this.#cursor = cursor;
      this.#draw();
      this.#drawBelow();
    } catch (error) {
      if (load === this.#loads) fill(this.#below, failure(error, () => this.#load()));
    }
  }

  #draw() {
    reconcile(this.#rows, this.#reports.map((report) => reportRow(this.#store, report, (state, pressed) => this.#move(report, state, pressed))));
  }

  #drawBelow() {
    if (this.#cursor) fill(this.#below, h("div.actions", null, moreButton(this.#rows, () => this.#load())));
    else fill(this.#below, this.#reports.length ? null : empty("check", nothing()[this.#state]));
  }

  async #move(report, state, pressed) {
    const words = state === "reviewing" ? {} : await askForResolution(state, this.#store.client.limits);
    if (!words) return;
    const change = () => this.#store.client.request("PATCH", `/admin/reports/${report.id}`, { state, ...words });
    let gone = false;
    const moved = await busy(pressed, change, (error) => {
      toastError(error, conflictWords());
      gone = ["conflict", "not_found"].includes(error.code);
    });
    if (moved) toast(doneWords()[state]);
    if (moved || gone) await this.#drop(report);
  }

  /** Removes a report from this list and moves the focus to the next one. */
  async #drop(report) {
    const at = this.#reports.indexOf(report);
    if (at < 0) return;
    this.#reports.splice(at, 1);
    this.#draw();
    if (!this.#reports.length && this.#cursor) await this.#load();
    else this.#drawBelow();
    const next = this.#rows.children[Math.min(at, this.#reports.length - 1)];
    (next?.querySelector("button") ?? this.element.querySelector("select")).focus();
  }
}

/** Resolves with {resolution?}, or undefined if the user cancels. */
function askForResolution(state, limits) {
  const [title, decision] = state === "resolved" ? [t("Resolve this report?"), t("Resolve")] : [t("Dismiss this report?"), t("Dismiss")];
  return openDialog(title, (close) => {
    const about = field(t("What did you do, and why?"), { rows: "3", limit: limits?.maxReportNote, autofocus: true }, t("Optional. Only administrators can see this."));
    const done = () => close(about.input.value.trim() ? { resolution: about.input.value.trim() } : {});
    return [h("p", null, t("You can't change this decision later.")), about.row, h("div.actions", null, button(t("Cancel"), () => close()), button(decision, done, "primary"))];
  });
}
