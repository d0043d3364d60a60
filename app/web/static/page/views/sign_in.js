// Sign in, or make an account.

import { busy } from "../components/button.js";
import { field } from "../components/field.js";
import { fill, h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

const NO = {
  login: { unauthorized: "This name and password do not go together." },
  register: { conflict: "This username is taken." },
};

/**
 * @param {any} client
 * @param {{note?: string, onSignedIn: () => void}} options
 */
export function signIn(client, { note = "", onSignedIn }) {
  const page = h("main.sign-in");
  const accounts = document.documentElement.dataset.accounts === "on";
  let mode = "login";

  function draw() {
    const creating = mode === "register";
    const username = field("Username", { name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true },
      creating ? "3 to 32 of a–z, 0–9, _ . and -" : "");
    const name = creating ? field("Your name", { name: "displayName", autocomplete: "name", maxlength: "80" }, "As others see it; may stay empty.") : null;
    const password = field("Password", { name: "password", type: "password", autocomplete: creating ? "new-password" : "current-password", required: true, minlength: creating ? "8" : null },
      creating ? "8 characters or more" : "");
    const problem = h("p.problem", { role: "alert" }, note);
    const submit = h("button.button.primary", { type: "submit" }, creating ? "Create account" : "Sign in");
    const other = h("button.link", { type: "button", onclick: () => switchTo(creating ? "login" : "register") },
      creating ? "I have an account" : "Create an account");
    const form = h("form.card", { noValidate: true, onsubmit: (event) => send(event, { username, name, password, problem, submit }) },
      h("h1", null, creating ? "Create an account" : "Sign in"), username.row, name?.row, password.row, problem, submit, other);
    fill(page, h("div.brand", null, h("img", { src: "/static/icon.svg", alt: "", width: "44", height: "44" }), h("p", null, "Parley")),
      accounts ? form : elsewhere(), h("p.detail", null, h("a", { href: "/docs" }, "Documents of the API")));
    if (accounts) username.input.focus();
  }
  function switchTo(next) {
    [mode, note] = [next, ""];
    draw();
  }
  async function send(event, { username, name, password, problem, submit }) {
    event.preventDefault();
    const given = { username: username.input.value.trim(), password: password.input.value };
    if (name?.input.value.trim()) given.displayName = name.input.value.trim();
    [username, password, name].forEach((one) => one?.fail(""));
    problem.textContent = "";
    const fail = (error) => {
      const fields = { username, password, displayName: name };
      const named = (error.errors ?? []).filter((one) => fields[one.field]);
      named.forEach((one) => fields[one.field].fail(one.message));
      if (!named.length) problem.textContent = sentence(error, NO[mode]);
      (fields[named[0]?.field] ?? password).input.focus();
    };
    const wrong = mode === "register" ? unfit(given) : [];
    if (wrong.length) return fail({ errors: wrong });
    if (await busy(submit, () => client[mode](given), fail)) onSignedIn();
    return undefined;
  }
  draw();
  return page;
}

/** What the server would refuse, in words for a person. */
function unfit({ username, password }) {
  const name = /^[a-z0-9_.-]{3,32}$/iu.test(username) ? [] : [{ field: "username", message: "3 to 32 of a–z, 0–9, _ . and -" }];
  const secret = password.length >= 8 ? [] : [{ field: "password", message: "8 characters or more, please" }];
  return [...name, ...secret];
}

function elsewhere() {
  return h("div.card", null, h("h1", null, "Sign in elsewhere"), h("p", null, "Accounts are kept by another service here. Open Parley from there."));
}
