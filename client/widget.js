/**
 * Defines the element `<parley-chat>`, which shows a conversation or the list of conversations in any page
 * (docs/how-to/embed-the-widget.md).
 */
import { ParleyChat } from "./widget/element.js";

const { customElements: elements } = globalThis; // undefined on a server that renders pages
if (elements && !elements.get("parley-chat")) elements.define("parley-chat", ParleyChat);

export { ParleyChat };
