// The second step of signing in: the code of an authenticator app, or a recovery code.

import { busy } from "/client/ui/button.js";
import { field } from "../components/field.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

const words = () => ({ unauthorized: t("That code is wrong or was used already.") });

/**
 * The form. `onBack` gets the text to show on the form for the password.
 * @param {any} client
 * @param {{ challenge: string, onSignedIn: () => void, onBack: (note: string) => void }} options
 */
export function codeForm(client, { challenge, onSignedIn, onBack }) {
  const code = field(t("Code"), { autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", required: true, maxlength: "64" },
    t("Six digits from your authenticator app, or a recovery code"));
  const problem = h("p.problem", { role: "alert" });
  const submit = h("button.button.primary", { type: "submit" }, t("Continue"));
  const fail = (error) => {
    if (error.code === "invalid") return onBack(t("This sign-in has expired. Please start again.")); // the challenge has ended
    problem.textContent = sentence(error, words());
    return code.input.focus();
  };
  const onsubmit = async (event) => {
    event.preventDefault();
    code.fail("");
    problem.textContent = "";
    const given = code.input.value.trim();
    if (!given) return code.fail(t("Please enter the code."));
    if (await busy(submit, () => client.loginWithCode({ challenge, code: given }), fail)) onSignedIn();
    return undefined;
  };
  const back = h("button.link", { type: "button", onclick: () => onBack("") }, t("Back"));
  const form = h("form.card", { noValidate: true, onsubmit }, h("h1", null, t("Two-step sign-in")), code.row, problem, submit, back);
  return { form, focus: () => code.input.focus() };
}
