// Deletes the account, after an explanation and a proof of identity.

import { button, busy } from "/client/ui/button.js";
import { openDialog } from "../components/dialog.js";
import { field } from "../components/field.js";
import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { sentence } from "/client/ui/words.js";

const words = () => ({ forbidden: t("That password is wrong.") });

/** Local accounts confirm with their password. Accounts of another service have no password here, so they type their username. */
export function openDeletion(app) {
  const { username } = app.store.me;
  const local = document.documentElement.dataset.accounts === "on";
  const proof = local
    ? field(t("Your password"), { type: "password", autocomplete: "current-password", autofocus: true })
    : field(t("Type {username} to confirm", { username }), { autocomplete: "off", autocapitalize: "none", spellcheck: "false", autofocus: true });
  return openDialog(t("Delete your account?"), (close) => {
    const act = h("button.button.danger", { type: "submit" }, t("Delete my account"));
    async function submit(event) {
      event.preventDefault();
      const given = proof.input.value;
      const wrong = mistake(local, given, username);
      proof.fail(wrong);
      if (wrong) return proof.input.focus();
      await busy(act, () => app.deleteAccount(local ? given : undefined), (error) => {
        proof.fail(sentence(error, words()));
        proof.input.select();
      });
      return undefined;
    }
    return h("form", { noValidate: true, onsubmit: submit },
      h("p", null, t("This can't be undone. You will be signed out on all devices and leave your groups, and nobody will be able to message you.")),
      h("p.after", null, t("Your messages are deleted, or stay without your name, depending on this server's settings. You may want to get a copy of your data first.")),
      proof.row, h("div.actions", null, button(t("Cancel"), () => close()), act));
  });
}

function mistake(local, given, username) {
  if (local) return given ? "" : t("Please enter your password.");
  return given.trim().toLowerCase() === username.toLowerCase() ? "" : t("Please type {username}.", { username });
}
