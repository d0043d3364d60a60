// The texts of the widget in Spanish. See docs/how-to/add-a-language.md.

import { texts as shared } from "../../ui/languages/es.js";

export const texts = {
  ...shared,
  "Chat": "Chat",
  "Chat, {count} unread messages": { one: "Chat, {count} mensaje sin leer", many: "Chat, {count} de mensajes sin leer", other: "Chat, {count} mensajes sin leer" },
};
