// The list of keyboard shortcuts.

import { card } from "../components/card.js";
import { openDialog } from "../components/dialog.js";
import { h } from "/client/ui/dom.js";
import { shown } from "../lib/keys.js";
import { t } from "/client/ui/language.js";
import { shortcuts } from "./shortcuts.js";
import { messageKeys } from "./message_actions.js";

const inMessages = () => [
  { keys: "ArrowUp", words: t("Earlier message") },
  { keys: "ArrowDown", words: t("Later message") },
  { keys: "Enter", words: t("Menu of the message") },
];

const inField = () => [
  { keys: "Enter", words: t("Send") },
  { keys: "Shift+Enter", words: t("New line") },
  { keys: "ArrowUp", words: t("Edit your last message, if the field is empty") },
  { keys: "Escape", words: t("Cancel the reply or the edit") },
];

export function openShortcuts() {
  const everywhere = shortcuts().filter(({ hidden }) => !hidden);
  return openDialog(t("Keyboard shortcuts"), () => h("div.shortcuts", null,
    section(t("Everywhere"), everywhere),
    section(t("In the message field"), inField()),
    section(t("On a message (Shift+Tab from the message field reaches the messages)"), [...inMessages(), ...messageKeys()])), { wide: true });
}

function section(title, rows) {
  return card(title, h("dl", null, rows.map(({ keys, words }) => h("div", null, h("dt", null, words), h("dd", null, shown(keys).map((key) => h("kbd", null, key)))))));
}
