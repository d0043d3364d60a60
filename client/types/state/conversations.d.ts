export function isMuted(conversation: any): boolean;
export class Conversations {
    constructor(client: any, topics: any);
    /** True when the first page is loaded. */
    ready: boolean;
    failed: null;
    get(id: any): any;
    /** Returns pinned conversations first, then by activity. */
    list(): any[];
    archived(): any[];
    hasMore(): boolean;
    /** Returns the direct conversation with this user, if there is one. */
    directWith(userId: any): any;
    /** Returns the other user of a direct conversation; the user's own id for notes to yourself. */
    peerOf(conversation: any): any;
    /** Called if events were missed for good: the next `loadFirst` starts a new list. */
    forget(): void;
    loadFirst(): Promise<void>;
    loadMore(): Promise<void>;
    /** Stores a conversation from a REST answer. Newer state from live events wins. */
    put(conversation: any): any;
    change(id: any, changes: any): void;
    remove(id: any): void;
    /** Fetches a conversation with its members; concurrent calls share one request. Rejects if the user is not a member. */
    fetch(id: any): Promise<any>;
    /** Fetches a conversation because of an event about it. */
    learn(id: any): void;
    /** An event came about a conversation that may be loading. */
    missed(id: any): void;
    /** Fetches a conversation again, because events were missed. Returns it, or undefined if the user is no longer a member. */
    fetchAgain(id: any): Promise<any>;
    /** Returns whether the message mentions the user. */
    names(message: any): boolean;
    /**
     * Counts or discounts a mention after an edit. Returns whether the edit newly mentions the user, which is news like a new message.
     * @param {any} message @param {any} before the message before the edit, if it is known
     */
    edited(message: any, before?: any): boolean;
    /** Adds a new message: it becomes the last of its conversation, and is unread unless the user sent it. */
    note(message: any): void;
    /** Moves a member's mark, possibly the user's own. `which` is deliveredSeq or readSeq. */
    mark({ conversationId, userId, seq }: {
        conversationId: any;
        userId: any;
        seq: any;
    }, which: any): void;
    /** The user has read up to `seq`, on this device or another. */
    readUpTo(id: any, seq: any): void;
    /** The user no longer sees messages up to `seq`. */
    clearedUpTo(id: any, seq: any): void;
    readSeqOf(conversation: any): any;
    totalUnread(): any;
    #private;
}
