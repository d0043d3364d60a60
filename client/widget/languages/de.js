// The texts of the widget in German. See docs/how-to/add-a-language.md.

import { texts as shared } from "../../ui/languages/de.js";

export const texts = {
  ...shared,
  "Chat": "Chat",
  "Chat, {count} unread messages": { one: "Chat, {count} ungelesene Nachricht", other: "Chat, {count} ungelesene Nachrichten" },
};
