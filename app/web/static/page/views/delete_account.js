// Delete one's account: what that means, and the proof that it is oneself who asks for it.

import { button, busy } from "../components/button.js";
import { openDialog } from "../components/dialog.js";
import { field } from "../components/field.js";
import { h } from "../lib/dom.js";
import { sentence } from "../lib/words.js";

const WORDS = { forbidden: "This is not your password." };

/** The server asks for the password; where accounts are kept elsewhere there is none, and one types one's name. */
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
      h("p", null, "This cannot be undone. You are signed out everywhere at once, nobody can write to you any more, and you leave your groups."),
      h("p.after", null, "What you have written is deleted, or stays without your name: that is for whoever runs this server to decide. You may want a copy of your data first."),
      proof.row, h("div.actions", null, button("Cancel", () => close()), act));
  });
}

function mistake(local, given, username) {
  if (local) return given ? "" : "Please type your password.";
  return given.trim().toLowerCase() === username.toLowerCase() ? "" : `Please type ${username}.`;
}
