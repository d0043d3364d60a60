export class Store {
    /**
     * @param {any} client a `Parley`
     * @param {{ words?: import("./people.js").Words, draftStorage?: Storage | null }} [options] `words`: names in the user's language;
     *   `draftStorage` keeps drafts until the server has them, null for none
     */
    constructor(client: any, { words, draftStorage }?: {
        words?: import("./people.js").Words;
        draftStorage?: Storage | null;
    });
    /** @type {import("../lib/types.js").State} */ connection: import("../lib/types.js").State;
    /** Returns whether messages of this user are folded in this conversation. The shell, which knows the blocked people, replaces it. */
    isFolded: (_conversation: any, _senderId: any) => boolean;
    topics: Topics;
    client: any;
    people: People;
    conversations: Conversations;
    drafts: Drafts;
    presence: Presence;
    media: Media;
    /** The signed-in user; still set while the page closes after a sign-out. */
    get me(): any;
    /**
     * Listens to events, connects, and loads the list of conversations: at once, so that it shows soon, and again when events
     * arrive, because of the changes in between.
     */
    begin(): Promise<void>;
    timeline(id: any): any;
    /** Returns a message, which is loaded if necessary. Rejects if the user does not see it. */
    message(conversationId: any, id: any): Promise<any>;
    /** Calls `listener` with every live message from another user. */
    onArrival(listener: any): void;
    /** Sends a message. `shown` is the content of a forward, because the command only names the forwarded message. */
    send(outgoing: any, shown?: {}): any;
    /** The user's settings of notifications, loaded once. The defaults if the server cannot be reached. */
    pushSettings(): Promise<{}>;
    /** Rejects if the server refuses the change. */
    updatePushSettings(changes: any): Promise<void>;
    /** Does nothing while the conversation is being marked as unread: a later read mark would end that at once. */
    markRead(id: any, seq: any): Promise<void>;
    /** Rejects if the server refuses. */
    markUnread(id: any, on: any): Promise<void>;
    /** Keeps an uploaded attachment, to show it in its message until the server sends more. */
    keepAttachment(attachment: any, file: any): void;
    /** Removes a message that the user deleted only for themselves. */
    hidden(conversationId: any, id: any): void;
    /** The user cleared a conversation, here or on another device. */
    cleared({ conversationId, seq, removed }: {
        conversationId: any;
        seq: any;
        removed: any;
    }): void;
    #private;
}
import { Topics } from "./topics.js";
import { People } from "./people.js";
import { Conversations } from "./conversations.js";
import { Drafts } from "./drafts.js";
import { Presence } from "./presence.js";
import { Media } from "./media.js";
