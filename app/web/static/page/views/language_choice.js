// The language of the page, in the settings. It is also stored with the account, for notifications, mails and other browsers.

import { select } from "../components/field.js";
import { toastError } from "../components/toast.js";
import { t } from "/client/ui/language.js";
import { LANGUAGES, bestOf, chooseLanguage, chosenLanguage, useLanguage } from "../lib/language.js";

export function languageChoice(client) {
  const now = chosenLanguage() ?? "";
  return select(t("Language"), [["", t("Same as browser")], ...LANGUAGES], now, async (tag, input) => {
    try {
      await client.updateMe({ locale: tag || null });
    } catch (error) {
      input.value = now;
      return toastError(error);
    }
    chooseLanguage(tag || null);
    return location.reload(); // all texts are drawn again
  });
}

/** Takes over the language that the user chose in another browser. Call it after a sign-in. */
export async function adoptLanguage(client) {
  const { locale } = await client.request("GET", "/me");
  const tag = locale ? bestOf([locale]) : null;
  if (tag === chosenLanguage()) return;
  chooseLanguage(tag);
  await useLanguage();
}
