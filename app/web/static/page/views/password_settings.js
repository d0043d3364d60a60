// The password of the account, in the settings.

import { button, busy } from "/client/ui/button.js";
import { card } from "../components/card.js";
import { field } from "../components/field.js";
import { toast } from "../components/toast.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

const words = () => ({ forbidden: t("That password is wrong.") });

/** `onChanged` is called after a change, which ends all other sign-ins. */
export function passwordSettings({ store: { client } }, onChanged) {
  const current = field(t("Current password"), { type: "password", autocomplete: "current-password" });
  const fresh = field(t("New password"), { type: "password", autocomplete: "new-password" }, t("At least 8 characters. All your other sign-ins end."));
  const fail = (error) => {
    const own = (error.errors ?? []).find((one) => one.field === "new");
    if (own) fresh.fail(own.message);
    else current.fail(sentence(error, words()));
  };
  const save = button(t("Change password"), async () => {
    [current, fresh].forEach((one) => one.fail(""));
    const given = { current: current.input.value, new: fresh.input.value };
    if (given.new.length < 8) return fresh.fail(t("Use at least 8 characters"));
    if (!await busy(save, () => client.changePassword(given).then(() => true), fail)) return undefined;
    current.input.value = fresh.input.value = "";
    toast(t("Your password was changed"));
    return onChanged();
  });
  return card(t("Password"), current.row, fresh.row, save);
}
