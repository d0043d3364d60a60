// The texts of the widget in French. See docs/how-to/add-a-language.md.

import { texts as shared } from "../../ui/languages/fr.js";

export const texts = {
  ...shared,
  "Chat": "Discussion",
  "Chat, {count} unread messages": { one: "Discussion, {count} message non lu", many: "Discussion, {count} de messages non lus", other: "Discussion, {count} messages non lus" },
};
