export { ParleyError };
/** A chat client; README.md beside this file tells how it is used. */
export class Parley extends Acts {
    /** @param {Options} [options] */
    constructor(options?: Options);
    deviceId: string;
    /**
     * @template {EventName | "*"} K
     * @param {K} name an event, or `*` for all @param {Handler<K>} handler may be asynchronous
     * @returns {() => void} takes it off again
     */
    on<K extends EventName | "*">(name: K, handler: Handler<K>): () => void;
    /** @param {string} path of a file under /api/v1 @returns {Promise<Blob>} */
    download(path: string): Promise<Blob>;
    /** @returns {User & Partial<Profile> | null} */
    get me(): (User & Partial<Profile>) | null;
    /** @param {{ username: string, password: string, displayName?: string }} account @returns {Promise<User>} */
    register(account: {
        username: string;
        password: string;
        displayName?: string;
    }): Promise<User>;
    /** @param {{ username: string, password: string }} credentials @returns {Promise<User>} */
    login(credentials: {
        username: string;
        password: string;
    }): Promise<User>;
    /** @param {Pair} pair @returns {Promise<User>} */
    useTokens(pair: Pair): Promise<User>;
    logout(): Promise<void>;
    /** @param {ProfilePatch} changes @returns {Promise<Profile>} */
    updateMe(changes: ProfilePatch): Promise<Profile>;
    /** @returns {State} */
    get state(): State;
    /** Where the stream of events stands: `connect({ cursor })` goes on from it, in another process too. */
    get cursor(): string | undefined;
    /**
     * Settles once events flow; rejects where nobody is signed in, or on `close`.
     * @param {{ cursor?: string }} [options]
     * @returns {Promise<void>}
     */
    connect({ cursor }?: {
        cursor?: string;
    }): Promise<void>;
    close(): void;
    /**
     * Put a message on its way. `saved`: it is in the outbox, and survives a reload; `done`: it is stored, or refused.
     * @param {Outgoing} outgoing
     * @returns {Sent}
     */
    send(outgoing: Outgoing): Sent;
    /** What waits or was refused, in order. @returns {Promise<OutboxEntry[]>} */
    outbox(): Promise<OutboxEntry[]>;
    /** @param {string} id of a message that was refused */
    retry(id: string): Promise<void>;
    /** @param {string} id of a message that is not to be sent any more */
    discard(id: string): Promise<void>;
    /** @param {Blob} file @param {number} conversationId @param {UploadOptions} [options] @returns {Promise<Attachment>} */
    upload(file: Blob, conversationId: number, options?: UploadOptions): Promise<Attachment>;
    /** @param {string} mediaId @param {"thumbnail"} [variant] */
    mediaUrl(mediaId: string, variant?: "thumbnail"): Promise<import("./lib/types.js").MediaAddress>;
    pushState(): Promise<import("./lib/types.js").PushState>;
    enablePush(): Promise<import("./lib/types.js").PushState>;
    disablePush(): Promise<import("./lib/types.js").PushState>;
    #private;
}
import { ParleyError } from "./lib/errors.js";
import { Acts } from "./lib/acts.js";
import type { EventName } from "./lib/types.js";
import type { Handler } from "./lib/types.js";
import type { User } from "./lib/types.js";
import type { Profile } from "./lib/types.js";
import type { Pair } from "./lib/option_types.js";
import type { ProfilePatch } from "./lib/types.js";
import type { State } from "./lib/types.js";
import type { Outgoing } from "./lib/types.js";
import type { Sent } from "./lib/types.js";
import type { OutboxEntry } from "./lib/types.js";
import type { UploadOptions } from "./lib/option_types.js";
import type { Attachment } from "./lib/types.js";
import type { Options } from "./lib/option_types.js";
