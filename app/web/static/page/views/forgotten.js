// A forgotten password: asks for a link, and chooses a new password behind the link.

import { brand } from "../components/brand.js";
import { busy } from "/client/ui/button.js";
import { field } from "../components/field.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";
import { linkWords } from "./mailed_link.js";

/** The form behind the link. `onDone` gets the text to show on the sign-in form. */
export function newPassword(client, token, onDone) {
  const password = field(t("New password"), { type: "password", autocomplete: "new-password", required: true, autofocus: true }, t("At least 8 characters"));
  return form(t("Choose a new password"), t("Save"), password, async (problem, submit) => {
    const fail = (error) => {
      const own = (error.errors ?? []).find((one) => one.field === "password");
      if (own) password.fail(own.message);
      else problem.textContent = sentence(error, linkWords());
    };
    if (password.input.value.length < 8) return password.fail(t("Use at least 8 characters"));
    const send = () => client.resetPassword({ token, password: password.input.value }).then(() => true);
    if (await busy(submit, send, fail)) onDone(t("Your password was changed. Please sign in."));
    return undefined;
  });
}

/** The form that asks for a link. The answer is the same whether there is such an account or not. */
export function forgotten(client, onDone) {
  const name = field(t("Username or e-mail address"), { autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true });
  return form(t("Forgot your password?"), t("Send me a link"), name, async (problem, submit) => {
    const given = name.input.value.trim();
    if (!given) return name.fail(t("Please enter your username or your e-mail address."));
    const send = () => client.forgotPassword(given.includes("@") ? { email: given } : { username: given }).then(() => true);
    const fail = (error) => (problem.textContent = sentence(error, linkWords()));
    if (await busy(submit, send, fail)) onDone(t("If this account has a confirmed e-mail address, a link is on its way."));
    return undefined;
  });
}

function form(title, action, entry, act) {
  const problem = h("p.problem", { role: "alert" });
  const submit = h("button.button.primary", { type: "submit" }, action);
  const onsubmit = (event) => {
    event.preventDefault();
    entry.fail("");
    problem.textContent = "";
    void act(problem, submit);
  };
  const page = h("main.sign-in");
  fill(page, brand(),
    h("form.card", { noValidate: true, onsubmit }, h("h1", null, title), entry.row, problem, submit));
  return page;
}
