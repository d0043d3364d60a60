// The widget, with its element and its events in the lists of the browser's types.
import type { ReceivedMessage, OwnMessage } from "./types/lib/types.js";
import type { ParleyChat } from "./types/widget.js";
export * from "./types/widget.js";

/** The attributes of the element, as React and other templates take them. */
export interface ParleyChatAttributes {
  server?: string;
  conversation?: number | string | null;
  recipient?: number | string | null;
  "token-url"?: string;
  token?: string;
  theme?: "light" | "dark";
  launcher?: boolean;
  open?: boolean;
}

export interface ParleyChatEvents {
  "parley-ready": CustomEvent<{ userId: number; conversationId?: number }>;
  "parley-unread": CustomEvent<{ count: number }>;
  "parley-message": CustomEvent<{ message: ReceivedMessage | OwnMessage }>;
  "parley-error": CustomEvent<{ code: string }>;
  "parley-token-needed": CustomEvent<Record<string, never>>;
}

declare global {
  interface HTMLElementTagNameMap {
    "parley-chat": ParleyChat;
  }
  interface GlobalEventHandlersEventMap extends ParleyChatEvents {}
}
