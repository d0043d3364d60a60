// Two-step sign-in, in the settings: a code of an authenticator app after the password, and recovery codes.

import { button, busy } from "../components/button.js";
import { field } from "../components/field.js";
import { toast } from "../components/toast.js";
import { fill, h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

const WRONG_PASSWORD = { forbidden: "That password is wrong." };
const WRONG_CODE = { forbidden: "That code is wrong or was used already." };
const WRONG_EITHER = { forbidden: "The password or the code is wrong, or the code was used already." };
const CODE = { autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", maxlength: "64" };

/** The section. `mine` resolves to your own user. */
export function secondFactor({ store: { client } }, mine) {
  const place = h("div.steps");
  const show = (content) => {
    const isFirst = !place.hasChildNodes();
    fill(place, content);
    if (!isFirst) place.querySelector("[tabindex], input").focus(); // what had the focus is gone
  };
  const off = () => show(setUp(client, pending));
  const on = () => show(turnedOn(client, codes, off));
  const pending = (made) => show(confirmation(client, made, codes, off));
  const codes = (list) => show(recoveryCodes(list, on));
  mine.then((me) => (me.secondFactor ? on() : off()), () => undefined);
  return h("section.card", { "aria-label": "Two-step sign-in" }, h("h3", null, "Two-step sign-in"), place);
}

function setUp(client, next) {
  const password = currentPassword();
  const begin = button("Set up", async () => {
    password.fail("");
    const fail = (error) => password.fail(sentence(error, WRONG_PASSWORD));
    const made = await busy(begin, () => client.beginSecondFactor({ password: password.input.value }), fail);
    if (made) next(made);
  });
  return [h("p.detail", null, "Signing in then needs a code from an authenticator app as well as your password."), password.row, begin];
}

function confirmation(client, { secret, uri }, next, back) {
  const code = field("Code", CODE, "The six digits that the app shows now");
  const confirm = button("Turn on", async () => {
    code.fail("");
    const given = code.input.value.trim();
    if (!given) return code.fail("Please enter the code.");
    const codes = await busy(confirm, () => client.confirmSecondFactor({ code: given }), (error) => code.fail(sentence(error, WRONG_CODE)));
    if (codes) next(codes);
    return undefined;
  }, "primary");
  return [
    h("p.detail", null, "Enter this key in your authenticator app, or ", h("a", { href: uri }, "open it in an app on this device"), "."),
    h("p", null, h("code.secret", { "aria-label": "Key" }, secret.match(/.{1,4}/gu).join(" "))),
    code.row, h("div.buttons", null, confirm, button("Cancel", back)),
  ];
}

function recoveryCodes(codes, done) {
  const copy = () => navigator.clipboard.writeText(codes.join("\n")).then(() => toast("Copied"), () => toast("The browser did not allow that. Please copy the codes by hand."));
  const said = h("p", { tabindex: "-1" }, "Two-step sign-in is on. Keep these recovery codes: each one signs you in once if you lose the app. They are shown only now.");
  return [
    said, h("ul.codes", { "aria-label": "Recovery codes" }, codes.map((code) => h("li", null, h("code", null, code)))),
    h("div.buttons", null, button("Copy codes", copy), button("Done", done, "primary")),
  ];
}

function turnedOn(client, next, off) {
  const password = currentPassword();
  const code = field("Code", CODE, "From your authenticator app, or a recovery code");
  const act = (call) => async (event) => {
    [password, code].forEach((one) => one.fail(""));
    const given = { password: password.input.value, code: code.input.value.trim() };
    if (!given.code) return code.fail("Please enter the code.");
    return busy(event.currentTarget, () => call(given), (error) => code.fail(sentence(error, WRONG_EITHER)));
  };
  const renew = button("New recovery codes", act((given) => client.renewRecoveryCodes(given).then(next)));
  const disable = button("Turn off", act((given) => client.disableSecondFactor(given).then(off)), "danger");
  return [
    h("p", { tabindex: "-1" }, "On. Signing in needs a code as well as your password."), h("p.detail", null, "To change something, enter both:"),
    password.row, code.row, h("div.buttons", null, renew, disable),
  ];
}

function currentPassword() {
  return field("Your password", { type: "password", autocomplete: "current-password" });
}
