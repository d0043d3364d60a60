// The texts of the widget in Japanese. See docs/how-to/add-a-language.md.

import { texts as shared } from "../../ui/languages/ja.js";

export const texts = {
  ...shared,
  "Chat": "チャット",
  "Chat, {count} unread messages": { other: "チャット、未読メッセージ{count}件" },
};
