export class People {
    /** @param {any} client @param {import("./topics.js").Topics} topics @param {Words} [words] */
    constructor(client: any, topics: import("./topics.js").Topics, words?: Words);
    /** Stores users; topic "people". */
    put(...users: any[]): void;
    /** Applies the event `user_updated`. With `all`, reads all known users again. */
    update({ userId, displayName, avatarUrl, status, doNotDisturbUntil, metadata, deleted, all }: {
        userId: any;
        displayName: any;
        avatarUrl: any;
        status: any;
        doNotDisturbUntil: any;
        metadata: any;
        deleted: any;
        all: any;
    }): void;
    /** Reads a user again. */
    renew(userId: any): void;
    /** Reads all known users again: changes may have been missed. */
    refresh(): void;
    /** Returns the user, or a placeholder until the server answers. */
    get(userId: any): any;
    /** Resolves when the names of these users are known, or cannot be loaded. Messages of the host's server have no sender (null). @param {any[]} userIds */
    load(userIds: any[]): Promise<void>;
    name(userId: any): any;
    byUsername(username: any): any;
    #private;
}
/**
 * Names that depend on the language. `system` stands for the sender of messages that have none.
 */
export type Words = {
    you: () => string;
    deletedAccount: () => string;
    system?: () => string;
};
