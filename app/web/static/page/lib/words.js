// The texts for errors of the server, the network and the browser.

const OF_CODE = {
  unauthorized: "Please sign in again.",
  forbidden: "You are not allowed to do that.",
  not_found: "This is no longer available.",
  conflict: "Someone else changed this first. Please check and try again.",
  too_large: "That is too large.",
  unsupported_media: "This type of file is not supported.",
  rate_limited: "You're doing that too fast. Please wait a moment.",
  overloaded: "The server is busy. Please try again in a moment.",
  internal: "Something went wrong on the server. The error has been logged.",
};

const FIELDS = { username: "Username", password: "Password", displayName: "Name", name: "Name", message: "Message" };

/**
 * Returns an error as a sentence for the user. Errors of the client have a `code`; `errors: [{field, message}]` names fields.
 * @param {any} error
 * @param {Object<string, string>} [instead] other texts for some codes
 */
export function sentence(error, instead = {}) {
  const code = error?.code ?? (error instanceof TypeError ? "network" : "");
  if (instead[code]) return instead[code];
  const [first] = error?.errors ?? [];
  if (first) return `${FIELDS[first.field] ?? "Please check this"}: ${first.message}.`;
  if (code === "network" || code === "offline") return "Can't reach the server right now.";
  return OF_CODE[code] ?? "Something went wrong. Please try again.";
}

const SIZES = ["B", "KB", "MB", "GB"];

/** 1536 → "1.5 KB" */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < SIZES.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit]}`;
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** "Ann", "Ann and Bob", "Ann, Bob and 3 others" */
export function listed(names) {
  if (names.length <= 2) return names.join(" and ");
  if (names.length === 3) return `${names[0]}, ${names[1]} and ${names[2]}`;
  return `${names[0]}, ${names[1]} and ${names.length - 2} others`;
}
