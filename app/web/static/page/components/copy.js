// Copies texts. On plain http, browsers have no clipboard for scripts: a selection is copied instead, as Ctrl+C would do.

import { h } from "/client/ui/dom.js";
import { t } from "/client/ui/language.js";
import { openDialog } from "./dialog.js";
import { toast } from "./toast.js";

/** Copies the text. If the browser refuses, shows it selected, so that the user can copy it. @param {string} text @param {string} [done] */
export async function copy(text, done = t("Copied")) {
  const written = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  if (written || copySelected(text)) return toast(done);
  const shown = h("textarea", { rows: "5", readonly: "", autofocus: true, "aria-label": t("Text"), onfocus: () => shown.select() });
  shown.value = text;
  return openDialog(t("Copy this text"), () => h("div.field", null, shown));
}

function copySelected(text) {
  const field = h("textarea.unseen", { "aria-hidden": "true", tabindex: "-1" });
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  field.value = text;
  const dialogs = document.querySelectorAll("dialog[open]"); // everything outside an open dialog is inert
  (dialogs[dialogs.length - 1] ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}
