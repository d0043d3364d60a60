/**
 * `<parley-chat>`: one conversation, or the list, in a shadow root.
 *
 * Attributes that name the server, the user or the language start the widget again when they change. `conversation` and
 * `recipient` only show another conversation, and the rest only changes the look. Each start has a number, `#run`: after each
 * step, an earlier start finds a higher number and stops.
 */
export class ParleyChat extends HTMLElement {
    static observedAttributes: string[];
    set open(open: boolean);
    get open(): boolean;
    connectedCallback(): void;
    disconnectedCallback(): void;
    /** @param {string} name @param {string | null} old @param {string | null} value */
    attributeChangedCallback(name: string, old: string | null, value: string | null): void;
    /** A new access token of the same user; the property keeps it out of the document. */
    set token(token: string);
    get token(): string;
    set conversation(id: string | number | null);
    /** Parley's id of the conversation as a number, or the host's as a string. */
    get conversation(): string | number | null;
    set recipient(id: string | number | null);
    /** The id of the user to write to: a number or a string, as for `conversation`. */
    get recipient(): string | number | null;
    #private;
}
