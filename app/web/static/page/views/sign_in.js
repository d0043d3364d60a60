// The forms to sign in and to create an account.

import { brand } from "../components/brand.js";
import { busy } from "/client/ui/button.js";
import { field } from "../components/field.js";
import { fill, h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";
import { codeForm } from "./sign_in_code.js";

const errors = () => ({
  login: { unauthorized: t("Wrong username or password.") },
  register: { conflict: t("This username is taken.") },
});

/**
 * @param {any} client
 * @param {{note?: string, onSignedIn: () => void, onForgotten: () => void}} options
 */
export function signIn(client, { note = "", onSignedIn, onForgotten }) {
  const page = h("main.sign-in");
  const accounts = document.documentElement.dataset.accounts === "on";
  let mode = "login";
  const forgot = document.documentElement.dataset.mail === "on"
    ? h("button.link", { type: "button", onclick: () => onForgotten() }, t("Forgot your password?")) : null;

  function draw() {
    const creating = mode === "register";
    const username = field(t("Username"), { name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true },
      creating ? t("3–32 characters: a–z, 0–9, _ . -") : "");
    const name = creating ? field(t("Your name"), { name: "displayName", autocomplete: "name", limit: () => client.limits?.maxDisplayName }, t("Optional. This is the name that others see.")) : null;
    const password = field(t("Password"), { name: "password", type: "password", autocomplete: creating ? "new-password" : "current-password", required: true, minlength: creating ? "8" : null },
      creating ? t("At least 8 characters") : "");
    if (creating) client.fetchLimits().catch(() => undefined); // the server checks the length as well
    const problem = h("p.problem", { role: "alert" }, note);
    const submit = h("button.button.primary", { type: "submit" }, creating ? t("Create account") : t("Sign in"));
    const other = h("button.link", { type: "button", onclick: () => switchTo(creating ? "login" : "register") },
      creating ? t("I already have an account") : t("Create an account"));
    const form = h("form.card", { noValidate: true, onsubmit: (event) => send(event, { username, name, password, problem, submit }) },
      h("h1", null, creating ? t("Create an account") : t("Sign in")), username.row, name?.row, password.row, problem, submit, other, creating ? null : forgot);
    show(accounts ? form : otherService());
    if (accounts) username.input.focus();
  }
  function show(content) {
    fill(page, brand(),
      content, h("p.detail", null, h("a", { href: "docs" }, t("API documentation"))));
  }
  function switchTo(next, text = "") {
    [mode, note] = [next, text];
    draw();
  }
  function askForCode({ challenge }) {
    const { form, focus } = codeForm(client, { challenge, onSignedIn, onBack: (text) => switchTo("login", text) });
    show(form);
    focus();
  }
  async function send(event, { username, name, password, problem, submit }) {
    event.preventDefault();
    const given = { username: username.input.value.trim(), password: password.input.value };
    if (name?.input.value.trim()) given.displayName = name.input.value.trim();
    [username, password, name].forEach((one) => one?.fail(""));
    problem.textContent = "";
    const fail = (error) => {
      if (error.code === "second_factor_required") return askForCode(error);
      const fields = { username, password, displayName: name };
      const named = (error.errors ?? []).filter((one) => fields[one.field]);
      named.forEach((one) => fields[one.field].fail(one.message));
      if (!named.length) problem.textContent = sentence(error, errors()[mode]);
      return (fields[named[0]?.field] ?? password).input.focus();
    };
    const wrong = mode === "register" ? mistakes(given) : [];
    if (wrong.length) return fail({ errors: wrong });
    if (await busy(submit, () => client[mode](given), fail)) onSignedIn();
    return undefined;
  }
  draw();
  return page;
}

/** Checks for input that the server would refuse, and explains it. */
function mistakes({ username, password }) {
  const name = /^[a-z0-9_.-]{3,32}$/iu.test(username) ? [] : [{ field: "username", message: t("Use 3–32 characters: a–z, 0–9, _ . -") }];
  const secret = password.length >= 8 ? [] : [{ field: "password", message: t("Use at least 8 characters") }];
  return [...name, ...secret];
}

function otherService() {
  return h("div.card", null, h("h1", null, t("Sign in through your service")), h("p", null, t("This server uses the accounts of another service. Open Parley from there.")));
}
