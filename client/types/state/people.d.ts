export class People {
    /** @param {any} client @param {import("./topics.js").Topics} topics @param {Words} [words] */
    constructor(client: any, topics: import("./topics.js").Topics, words?: Words);
    /** Stores users; topic "people". */
    put(...users: any[]): void;
    /** Takes the data of `user_updated`. `all`: reads everybody again who is known. */
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
    /** Resolves when the user's name is known, or cannot be loaded. */
    load(userId: any): Promise<void>;
    /** The same for several users. @param {number[]} userIds */
    loadAll(userIds: number[]): Promise<void>;
    name(userId: any): any;
    byUsername(username: any): any;
    #private;
}
/**
 * Names that depend on the language. `system` wrote messages without a sender.
 */
export type Words = {
    you: () => string;
    deletedAccount: () => string;
    system?: () => string;
};
