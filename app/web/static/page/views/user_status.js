// A person's status and "do not disturb": the signs beside a name.

import { icon } from "/client/ui/icons.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";

const lasts = (until) => !until || Date.parse(until) > Date.now();

/** Returns the status if it has not ended. @param {any} user */
export const statusOf = (user) => (user.status && lasts(user.status.until) ? user.status : null);

/** @param {any} user */
export const isQuiet = (user) => Boolean(user.doNotDisturbUntil) && lasts(user.doNotDisturbUntil);

/** Returns a text that changes when the signs change. @param {any} user */
export const signsKey = (user) => `${JSON.stringify(statusOf(user))}${isQuiet(user)}`;

/** The signs beside a name: the emoji of the status, and a moon for "do not disturb". @param {any} user */
export function statusSigns(user) {
  const status = statusOf(user);
  const words = status ? [status.emoji, status.text].filter(Boolean).join(" ") : "";
  return [
    status ? h("span.status-sign", { role: "img", "aria-label": t("Status: {status}", { status: words }), title: words }, status.emoji ?? "💬") : null,
    isQuiet(user) ? h("span.status-sign.quiet", { role: "img", "aria-label": t("Do not disturb"), title: t("Do not disturb") }, icon("moon")) : null,
  ];
}

/** The status in words, for lines under a name; empty if there is none. @param {any} user */
export function statusText(user) {
  const status = statusOf(user);
  return [status?.emoji, status?.text, isQuiet(user) ? t("Do not disturb") : ""].filter(Boolean).join(" ");
}
