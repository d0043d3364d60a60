// The links in mails: to a new password, and to confirm an address.

import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

export const linkWords = () => ({ invalid: t("This link was used before or has expired."), email_off: t("This server sends no e-mail.") });

/** Returns {what, token} of a mailed link and removes it from the address; null if the page was opened in another way. */
export function mailedLink() {
  const [, what, token] = location.hash.match(/^#(reset-password|verify-email)=([\w-]+)$/) ?? [];
  if (!what) return null;
  history.replaceState(null, "", location.pathname);
  return { what, token };
}

/** Returns the text to show after the address was confirmed, or was not. */
export function confirmAddress(client, token) {
  return client.verifyEmail(token).then(() => t("Your e-mail address is confirmed."), (error) => sentence(error, linkWords()));
}
