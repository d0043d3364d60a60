// Two-step sign-in, in the settings: a code of an authenticator app after the password, and recovery codes.

import { button, busy } from "/client/ui/button.js";
import { card } from "../components/card.js";
import { copy } from "../components/copy.js";
import { field } from "../components/field.js";
import { fill, h } from "/client/ui/dom.js";
import { parts, t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

const wrongPassword = () => ({ forbidden: t("That password is wrong.") });
const wrongCode = () => ({ forbidden: t("That code is wrong or was used already.") });
const wrongEither = () => ({ forbidden: t("The password or the code is wrong, or the code was used already.") });
const CODE = { autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", maxlength: "64" };

/** The section. `mine` resolves to your own user. */
export function secondFactor({ store: { client } }, mine) {
  const place = h("div.steps");
  const show = (content) => {
    const isFirst = !place.hasChildNodes();
    fill(place, content);
    if (!isFirst) place.querySelector("[tabindex], input").focus(); // the element that had the focus is gone
  };
  const off = () => show(setUp(client, pending));
  const on = () => show(turnedOn(client, codes, off));
  const pending = (made) => show(confirmation(client, made, codes, off));
  const codes = (list) => show(recoveryCodes(list, on));
  mine.then((me) => (me.secondFactor ? on() : off()), () => undefined);
  return card(t("Two-step sign-in"), place);
}

function setUp(client, next) {
  const password = currentPassword();
  const begin = button(t("Set up"), async () => {
    password.fail("");
    const fail = (error) => password.fail(sentence(error, wrongPassword()));
    const made = await busy(begin, () => client.beginSecondFactor({ password: password.input.value }), fail);
    if (made) next(made);
  });
  return [h("p.detail", null, t("Signing in then needs a code from an authenticator app as well as your password.")), password.row, begin];
}

function confirmation(client, { secret, uri }, next, back) {
  const code = field(t("Code"), CODE, t("The six digits that the app shows now"));
  const confirm = button(t("Turn on"), async () => {
    code.fail("");
    const given = code.input.value.trim();
    if (!given) return code.fail(t("Please enter the code."));
    const codes = await busy(confirm, () => client.confirmSecondFactor({ code: given }), (error) => code.fail(sentence(error, wrongCode())));
    if (codes) next(codes);
    return undefined;
  }, "primary");
  return [
    h("p.detail", null, parts("Enter this key in your authenticator app, or {link}.", { link: h("a", { href: uri }, t("open it in an app on this device")) })),
    h("p", null, h("code.secret", { "aria-label": t("Key") }, secret.match(/.{1,4}/gu).join(" "))),
    code.row, h("div.buttons", null, confirm, button(t("Cancel"), back)),
  ];
}

function recoveryCodes(codes, done) {
  const said = h("p", { tabindex: "-1" }, t("Two-step sign-in is on. Keep these recovery codes: each one signs you in once if you lose the app. They are shown only now."));
  return [
    said, h("ul.codes", { "aria-label": t("Recovery codes") }, codes.map((code) => h("li", null, h("code", null, code)))),
    h("div.buttons", null, button(t("Copy codes"), () => copy(codes.join("\n"))), button(t("Done"), done, "primary")),
  ];
}

function turnedOn(client, next, off) {
  const password = currentPassword();
  const code = field(t("Code"), CODE, t("From your authenticator app, or a recovery code"));
  const act = (call) => async (event) => {
    [password, code].forEach((one) => one.fail(""));
    const given = { password: password.input.value, code: code.input.value.trim() };
    if (!given.code) return code.fail(t("Please enter the code."));
    return busy(event.currentTarget, () => call(given), (error) => code.fail(sentence(error, wrongEither())));
  };
  const renew = button(t("New recovery codes"), act((given) => client.renewRecoveryCodes(given).then(next)));
  const disable = button(t("Turn off"), act((given) => client.disableSecondFactor(given).then(off)), "danger");
  return [
    h("p", { tabindex: "-1" }, t("On. Signing in needs a code as well as your password.")), h("p.detail", null, t("To change something, enter both:")),
    password.row, code.row, h("div.buttons", null, renew, disable),
  ];
}

function currentPassword() {
  return field(t("Your password"), { type: "password", autocomplete: "current-password" });
}
