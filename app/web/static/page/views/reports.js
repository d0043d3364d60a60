// Reported messages, for administrators to review and decide. The server shows them to nobody else.

import { button, busy } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { empty, failure, spinner } from "../components/empty.js";
import { field, select } from "../components/field.js";
import { toast, toastError } from "../components/toast.js";
import { fill, h, reconcile } from "../lib/dom.js";
import { reportRow } from "./report_row.js";

const STATES = [["open", "Open"], ["reviewing", "In review"], ["resolved", "Resolved"], ["dismissed", "Dismissed"]];
const NOTHING = { open: "No open reports", reviewing: "No reports in review", resolved: "No resolved reports yet", dismissed: "No dismissed reports yet" };
const DONE = { reviewing: "Review started", resolved: "Resolved", dismissed: "Dismissed" };
const CONFLICT = { conflict: "Someone else has already handled this report." };

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
  await openDialog("Reports", () => queue.element);
  queue.close();
}

class Queue {
  #store;
  #state = "open";
  #reports = [];
  #cursor;
  #loads = 0;
  #end;
  #rows = h("ul.reports", { "aria-label": "Reports" });
  #below = h("div", { "aria-live": "polite" });

  constructor(store) {
    this.#store = store;
    this.#end = store.topics.on("people", () => this.#draw());
    this.element = h("div.queue", null, select("Show", STATES, this.#state, (state) => this.#open(state)), this.#rows, this.#below);
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
    fill(this.#below, spinner("Loading reports"));
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
    if (this.#cursor) fill(this.#below, h("div.actions", null, button("Show more", () => this.#load())));
    else fill(this.#below, this.#reports.length ? null : empty("check", NOTHING[this.#state]));
  }

  async #move(report, state, pressed) {
    const words = state === "reviewing" ? {} : await askForResolution(state, this.#store.client.limits);
    if (!words) return;
    const change = () => this.#store.client.request("PATCH", `/admin/reports/${report.id}`, { state, ...words });
    let gone = false;
    const moved = await busy(pressed, change, (error) => {
      toastError(error, CONFLICT);
      gone = ["conflict", "not_found"].includes(error.code);
    });
    if (moved) toast(DONE[state]);
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
  const decision = state === "resolved" ? "Resolve" : "Dismiss";
  return openDialog(`${decision} this report?`, (close) => {
    const about = field("What did you do, and why?", { rows: "3", maxlength: limits?.maxReportNote, autofocus: true }, "Optional. Only administrators can see this.");
    const done = () => close(about.input.value.trim() ? { resolution: about.input.value.trim() } : {});
    return [h("p", null, "You can't change this decision later."), about.row, h("div.actions", null, button("Cancel", () => close()), button(decision, done, "primary"))];
  });
}
