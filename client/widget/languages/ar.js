// The texts of the widget in Arabic. See docs/how-to/add-a-language.md.

import { texts as shared } from "../../ui/languages/ar.js";

export const texts = {
  ...shared,
  "Chat": "الدردشة",
  "Chat, {count} unread messages": { zero: "الدردشة، لا رسائل غير مقروءة", one: "الدردشة، رسالة غير مقروءة", two: "الدردشة، رسالتان غير مقروءتين", few: "الدردشة، {count} رسائل غير مقروءة", many: "الدردشة، {count} رسالة غير مقروءة", other: "الدردشة، {count} رسالة غير مقروءة" },
};
