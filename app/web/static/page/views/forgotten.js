// A forgotten password: asks for a link, and chooses a new password behind the link. Also confirms e-mail addresses.

import { busy } from "../components/button.js";
import { field } from "../components/field.js";
import { fill, h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

const WORDS = { invalid: "This link was used before or has expired.", email_off: "This server sends no e-mail." };

/** Returns {what, token} of a mailed link and removes it from the address; null if the page was opened in another way. */
export function mailedLink() {
  const [, what, token] = location.hash.match(/^#(reset-password|verify-email)=([\w-]+)$/) ?? [];
  if (!what) return null;
  history.replaceState(null, "", location.pathname);
  return { what, token };
}

/** Returns the text to show after the address was confirmed, or was not. */
export function confirmAddress(client, token) {
  return client.verifyEmail(token).then(() => "Your e-mail address is confirmed.", (error) => sentence(error, WORDS));
}

/** The form behind the link. `onDone` gets the text to show on the sign-in form. */
export function newPassword(client, token, onDone) {
  const password = field("New password", { type: "password", autocomplete: "new-password", required: true, autofocus: true }, "At least 8 characters");
  return form("Choose a new password", "Save", password, async (problem, submit) => {
    const fail = (error) => {
      const own = (error.errors ?? []).find((one) => one.field === "password");
      if (own) password.fail(own.message);
      else problem.textContent = sentence(error, WORDS);
    };
    if (password.input.value.length < 8) return password.fail("Use at least 8 characters");
    const send = () => client.resetPassword({ token, password: password.input.value }).then(() => true);
    if (await busy(submit, send, fail)) onDone("Your password was changed. Please sign in.");
    return undefined;
  });
}

/** The form that asks for a link. The answer is the same whether there is such an account or not. */
export function forgotten(client, onDone) {
  const name = field("Username or e-mail address", { autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true });
  return form("Forgot your password?", "Send me a link", name, async (problem, submit) => {
    const given = name.input.value.trim();
    if (!given) return name.fail("Please enter your username or your e-mail address.");
    const send = () => client.forgotPassword(given.includes("@") ? { email: given } : { username: given }).then(() => true);
    const fail = (error) => (problem.textContent = sentence(error, WORDS));
    if (await busy(submit, send, fail)) onDone("If this account has a confirmed e-mail address, a link is on its way.");
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
  fill(page, h("div.brand", null, h("img", { src: "/static/icon.svg", alt: "", width: "44", height: "44" }), h("p", null, "Parley")),
    h("form.card", { noValidate: true, onsubmit }, h("h1", null, title), entry.row, problem, submit));
  return page;
}
