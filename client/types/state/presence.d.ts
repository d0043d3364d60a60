export class Presence {
    constructor(client: any, topics: any);
    /** Returns `{status, lastSeen}`, or undefined while it is unknown. */
    get(userId: any): any;
    isOnline(userId: any): boolean;
    put({ userId, status, lastSeen }: {
        userId: any;
        status: any;
        lastSeen: any;
    }): void;
    /** Subscribes to the presence of these users. */
    watch(userIds: any): Promise<void>;
    /** Clears all presence: while this page is offline, it cannot know who is online. */
    forget(): void;
    typingIn(conversationId: any): any[];
    setTyping({ conversationId, userId, typing }: {
        conversationId: any;
        userId: any;
        typing: any;
    }): void;
    #private;
}
