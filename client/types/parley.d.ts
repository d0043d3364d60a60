/** A chat client. README.md in this folder describes how to use it. */
export class Parley extends Commands {
    /** @param {Options} [options] */
    constructor(options?: Options);
    /** The server's limits: known after `connect` or `fetchLimits`. @type {Limits | null} */ limits: Limits | null;
    /** The server's address. */ url: string;
    /**
     * @template {EventName | "*"} K
     * @param {K} name an event, or `*` for all @param {Handler<K>} handler may be asynchronous
     * @returns {() => void} removes the handler
     */
    on<K extends EventName | "*">(name: K, handler: Handler<K>): () => void;
    /** @param {string} path of a file under /api/v1 @returns {Promise<Blob>} */
    download(path: string): Promise<Blob>;
    /** Reads the server's limits; works without a sign-in. @returns {Promise<Limits>} */
    fetchLimits(): Promise<Limits>;
    /** @returns {User & Partial<Profile> | null} */
    get me(): (User & Partial<Profile>) | null;
    /** @param {{ username: string, password: string }} credentials @returns {Promise<User>} */
    login(credentials: {
        username: string;
        password: string;
    }): Promise<User>;
    /** @param {Pair} pair @returns {Promise<User>} */
    useTokens(pair: Pair): Promise<User>;
    logout(): Promise<void>;
    /** @returns {State} */
    get state(): State;
    /** The current position in the stream of events. `connect({ cursor })` resumes from it, even in another process. */
    get cursor(): string | undefined;
    /**
     * Resolves when events arrive; rejects if nobody is signed in, or on `close`.
     * @param {{ cursor?: string }} [options]
     * @returns {Promise<void>}
     */
    connect({ cursor }?: {
        cursor?: string;
    }): Promise<void>;
    /** Checks the connection now: the application came back to the front. Browsers need no call. */
    wake(): void;
    close(): void;
    /**
     * Sends a message. `saved`: it is in the outbox and survives a reload; `done`: the server stored or refused it.
     * @param {Outgoing} outgoing
     * @returns {Sent}
     */
    send(outgoing: Outgoing): Sent;
    /** Returns pending and refused messages, in order. @returns {Promise<OutboxEntry[]>} */
    outbox(): Promise<OutboxEntry[]>;
    /** @param {string} id of a refused message */
    retry(id: string): Promise<void>;
    /** @param {string} id of a message to drop */
    discard(id: string): Promise<void>;
    /** @param {Blob} file @param {number} conversationId @param {UploadOptions} [options] @returns {Promise<Attachment>} */
    upload(file: Blob, conversationId: number, options?: UploadOptions): Promise<Attachment>;
    /** @param {string} mediaId @param {"thumbnail"} [variant] */
    mediaUrl(mediaId: string, variant?: "thumbnail"): Promise<import("./lib/types.js").MediaAddress>;
    #private;
}
import { ParleyError } from "./lib/errors.js";
import { grown } from "./lib/growing.js";
import { parseText } from "./lib/formatting.js";
import { plainText } from "./lib/formatting.js";
import { Commands } from "./lib/commands.js";
import type { Limits } from "./lib/types.js";
import type { EventName } from "./lib/types.js";
import type { Handler } from "./lib/types.js";
import type { User } from "./lib/types.js";
import type { Profile } from "./lib/types.js";
import type { Pair } from "./lib/option_types.js";
import type { State } from "./lib/types.js";
import type { Outgoing } from "./lib/types.js";
import type { Sent } from "./lib/types.js";
import type { OutboxEntry } from "./lib/types.js";
import type { UploadOptions } from "./lib/option_types.js";
import type { Attachment } from "./lib/types.js";
import type { Options } from "./lib/option_types.js";
export { ParleyError, grown, parseText, plainText };
