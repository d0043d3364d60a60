// The texts for errors of the server, the network and the browser.

import { number, t } from "./language.js";

const ofCode = () => ({
  unauthorized: t("Please sign in again."),
  forbidden: t("You are not allowed to do that."),
  not_found: t("This is no longer available."),
  conflict: t("Someone else changed this first. Please check and try again."),
  too_large: t("That is too large."),
  unsupported_media: t("This type of file is not supported."),
  rate_limited: t("You're doing that too fast. Please wait a moment."),
  overloaded: t("The server is busy. Please try again in a moment."),
  internal: t("Something went wrong on the server. The error has been logged."),
});

const fields = () => ({ username: t("Username"), password: t("Password"), displayName: t("Name"), name: t("Name"), message: t("Message") });

/**
 * Returns an error as a sentence for the user. Errors of the client have a `code`; `errors: [{field, message}]` names fields.
 * @param {any} error
 * @param {Object<string, string>} [instead] other texts for some codes
 */
export function sentence(error, instead = {}) {
  const code = error?.code ?? (error instanceof TypeError ? "network" : "");
  if (instead[code]) return instead[code];
  const [first] = error?.errors ?? [];
  if (first) return t("{field}: {problem}.", { field: fields()[first.field] ?? t("Please check this"), problem: first.message });
  if (code === "network" || code === "offline") return t("Can't reach the server right now.");
  return ofCode()[code] ?? t("Something went wrong. Please try again.");
}

const inUnits = [
  (value) => t("{size} B", { size: value }), (value) => t("{size} KB", { size: value }),
  (value) => t("{size} MB", { size: value }), (value) => t("{size} GB", { size: value }),
];

/** 1536 → "1.5 KB" */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < inUnits.length - 1) [value, unit] = [value / 1024, unit + 1];
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return inUnits[unit](number(value, digits));
}
