import { button } from "/client/ui/button.js";
import { h } from "/client/ui/dom.js";
import { atName, t } from "/client/ui/language.js";
import { exactly, shortly } from "/client/ui/times.js";
import { reasons } from "./report_reasons.js";

/** The next states of a report, with their labels. */
const nextStates = () => ({
  open: [["reviewing", t("Start review")], ["dismissed", t("Dismiss")], ["resolved", t("Resolve")]],
  reviewing: [["dismissed", t("Dismiss")], ["resolved", t("Resolve")]],
});

/** A report, for `reconcile`. @param {(state: string, pressed: HTMLButtonElement) => void} move */
export function reportRow(store, report, move) {
  const { reporterId, reportedId, handledBy } = report;
  const [reporter, reported, handler] = [reporterId, reportedId, handledBy].map((id) => id && named(store, id));
  return { key: String(report.id), deps: [report, reporter, reported, handler], make: () => row(report, { reporter, reported, handler }, move) };
}

/** Adds the username, because several people may have the same name. */
function named(store, id) {
  const user = store.people.get(id);
  return user.username ? `${user.displayName} (${atName(user.username)})` : user.displayName;
}

function row(report, { reporter, reported, handler }, move) {
  const reason = reasons().find(([key]) => key === report.reason)?.[1] ?? report.reason;
  const actions = (nextStates()[report.state] ?? []).map(([state, label]) => {
    const pressed = button(label, () => move(state, pressed), state === "resolved" ? "primary" : "plain");
    return pressed;
  });
  return h("li.report", { dataset: { report: report.id } },
    h("p.top", null, h("span.reason", null, reason), h("time", { datetime: report.createdAt, title: exactly(report.createdAt) }, shortly(report.createdAt))),
    h("p.detail", null, t("{name} wrote:", { name: reported })),
    h("blockquote", { dir: "auto" }, report.message || h("em", null, t("No text"))),
    h("p.detail", null, report.note ? t("Reported by {name}:", { name: reporter }) : t("Reported by {name}", { name: reporter })),
    report.note ? h("p.words", { dir: "auto" }, report.note) : null,
    handler ? h("p.detail", null, t("Handled by {name}, {time}", { name: handler, time: exactly(report.handledAt) })) : null,
    report.resolution ? h("p.words", { dir: "auto" }, report.resolution) : null,
    actions.length ? h("div.actions", null, actions) : null);
}
