import { button } from "../components/button.js";
import { h } from "../lib/dom.js";
import { exactly, shortly } from "../lib/times.js";
import { REASONS } from "./report_reasons.js";

/** The next states of a report, with their labels. */
const NEXT = {
  open: [["reviewing", "Start review"], ["dismissed", "Dismiss"], ["resolved", "Resolve"]],
  reviewing: [["dismissed", "Dismiss"], ["resolved", "Resolve"]],
};

/** A report, for `reconcile`. @param {(state: string, pressed: HTMLButtonElement) => void} move */
export function reportRow(store, report, move) {
  const { reporterId, reportedId, handledBy } = report;
  const [reporter, reported, handler] = [reporterId, reportedId, handledBy].map((id) => id && named(store, id));
  return { key: String(report.id), deps: [report, reporter, reported, handler], make: () => row(report, { reporter, reported, handler }, move) };
}

/** Adds the username, because several people may have the same name. */
function named(store, id) {
  const user = store.people.get(id);
  return user.username ? `${user.displayName} (@${user.username})` : user.displayName;
}

function row(report, { reporter, reported, handler }, move) {
  const reason = REASONS.find(([key]) => key === report.reason)?.[1] ?? report.reason;
  const actions = (NEXT[report.state] ?? []).map(([state, label]) => {
    const pressed = button(label, () => move(state, pressed), state === "resolved" ? "primary" : "plain");
    return pressed;
  });
  return h("li.report", { dataset: { report: report.id } },
    h("p.top", null, h("span.reason", null, reason), h("time", { datetime: report.createdAt, title: exactly(report.createdAt) }, shortly(report.createdAt))),
    h("p.detail", null, `${reported} wrote:`),
    h("blockquote", { dir: "auto" }, report.message || h("em", null, "No text")),
    h("p.detail", null, `Reported by ${reporter}${report.note ? ":" : ""}`),
    report.note ? h("p.words", { dir: "auto" }, report.note) : null,
    handler ? h("p.detail", null, `Handled by ${handler}, ${exactly(report.handledAt)}${report.resolution ? ":" : ""}`) : null,
    report.resolution ? h("p.words", { dir: "auto" }, report.resolution) : null,
    actions.length ? h("div.actions", null, actions) : null);
}
