// Deletes the account, after an explanation and a proof of identity.

import { button, busy } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { field } from "../components/field.js";
import { h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

const WORDS = { forbidden: "That password is wrong." };

/** Local accounts confirm with their password. Accounts of another service have no password here, so they type their username. */
export function openDeletion(app) {
  const { username } = app.store.me;
  const local = document.documentElement.dataset.accounts === "on";
  const proof = local
    ? field("Your password", { type: "password", autocomplete: "current-password", autofocus: true })
    : field(`Type ${username} to confirm`, { autocomplete: "off", autocapitalize: "none", spellcheck: "false", autofocus: true });
  return openDialog("Delete your account?", (close) => {
    const act = h("button.button.danger", { type: "submit" }, "Delete my account");
    async function submit(event) {
      event.preventDefault();
      const given = proof.input.value;
      const wrong = mistake(local, given, username);
      proof.fail(wrong);
      if (wrong) return proof.input.focus();
      await busy(act, () => app.deleteAccount(local ? given : undefined), (error) => {
        proof.fail(sentence(error, WORDS));
        proof.input.select();
      });
      return undefined;
    }
    return h("form", { noValidate: true, onsubmit: submit },
      h("p", null, "This can't be undone. You will be signed out on all devices and leave your groups, and nobody will be able to message you."),
      h("p.after", null, "Your messages are deleted, or stay without your name, depending on this server's settings. You may want to get a copy of your data first."),
      proof.row, h("div.actions", null, button("Cancel", () => close()), act));
  });
}

function mistake(local, given, username) {
  if (local) return given ? "" : "Please enter your password.";
  return given.trim().toLowerCase() === username.toLowerCase() ? "" : `Please type ${username}.`;
}
