// The e-mail address of the account, in the settings. It is confirmed when the user opens the link that is sent to it.

import { button, busy } from "/client/ui/button.js";
import { card } from "../components/card.js";
import { field } from "../components/field.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

const words = () => ({ forbidden: t("That password is wrong.") });

/** Empty if the server sends no e-mail. `mine` resolves to your own user. */
export function emailSettings({ store: { client } }, mine) {
  const place = h("div");
  Promise.all([client.limits ?? client.fetchLimits(), mine]).then(([{ email }, me]) => email && fill(place, form(client, me)), () => undefined);
  return place;
}

function form(client, me) {
  const address = field(t("E-mail address"), { type: "email", autocomplete: "email", value: me.email ?? "" }, t("To choose a new password if you forget yours"));
  const password = field(t("Your password"), { type: "password", autocomplete: "current-password" });
  const said = h("p.detail", { role: "status" });
  const save = button(t("Save address"), async () => {
    [address, password].forEach((one) => one.fail(""));
    said.textContent = "";
    const given = { email: address.input.value.trim(), password: password.input.value };
    const fail = (error) => (error.code === "invalid" ? address.fail(t("This is not an e-mail address.")) : password.fail(sentence(error, words())));
    const send = () => (given.email ? client.changeEmail(given) : client.removeEmail({ password: given.password })).then(() => true);
    if (await busy(save, send, fail)) said.textContent = given.email ? t("A link was sent to {email}. Open it to confirm the address.", { email: given.email }) : t("Your address was removed.");
  });
  return card(t("E-mail"), address.row, password.row, said, save);
}
