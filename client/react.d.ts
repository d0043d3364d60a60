// The hooks, and the widget as an element of JSX.
import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { ParleyChat, ParleyChatAttributes, ParleyChatEvents } from "./element.js";
export * from "./types/react/index.js";

/** Listeners of the widget's events, since React 19: `onparley-unread={(event) => …}`. */
type Listeners = { [Name in keyof ParleyChatEvents as `on${Name}`]?: (event: ParleyChatEvents[Name]) => void };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "parley-chat": DetailedHTMLProps<HTMLAttributes<ParleyChat>, ParleyChat> & ParleyChatAttributes & Listeners;
    }
  }
}
