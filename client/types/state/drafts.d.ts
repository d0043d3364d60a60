/** Deletes the drafts that this browser keeps, when the user signs out. */
export function forgetDrafts(storage?: Storage): void;
export class Drafts {
    /**
     * @param {any} client @param {import("./topics.js").Topics} topics @param {import("./conversations.js").Conversations} conversations
     * @param {Storage | null} [storage] keeps drafts until the server has them
     */
    constructor(client: any, topics: import("./topics.js").Topics, conversations: import("./conversations.js").Conversations, storage?: Storage | null);
    /** Continues with the drafts that were not saved before the page was closed. */
    begin(): void;
    /** Returns the draft as `{message, replyTo?}`; both are empty if there is none. */
    of(id: any): any;
    /** Keeps a draft. Without text and `replyTo`, it is deleted. */
    set(id: any, message: any, replyTo: any): void;
    clear(id: any): void;
    /** Saves all drafts at once, because the user turns to something else. */
    saveAll(): void;
    save(id: any): Promise<void>;
    #private;
}
