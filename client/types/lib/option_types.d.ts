/**
 * `language` is a BCP 47 tag for the texts of errors and notifications; without it, the browser's languages are used. `push: false` leaves
 * the notifications of this browser alone: they belong to another application.
 */
export type Options = {
    url?: string;
    storage?: Store;
    deviceId?: string;
    language?: string;
    transports?: Transport[];
    shareAcrossTabs?: boolean;
    fetch?: typeof fetch;
    WebSocket?: WebSocketMaker;
    indexedDB?: IDBFactory | null;
    push?: boolean;
    outboxStore?: OutboxStore;
    renew?: (pair: Pair) => Promise<Pair>;
    timing?: Partial<Timing>;
};
export type Store = {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
};
/**
 * the browser's class, or that of the package `ws`
 */
export type WebSocketMaker = new (url: string) => any;
export type Pair = {
    accessToken: string;
    refreshToken?: string;
    deviceToken?: string;
};
export type OutboxStore = {
    add(entry: Entry): Promise<void>;
    put(entry: Entry): Promise<void>;
    remove(id: string): Promise<void>;
    all(): Promise<Entry[]>;
};
/**
 * `data` is that of the command that sends the message
 */
export type Entry = {
    order?: number;
    owner: string;
    id: string;
    lane: string;
    data: any;
    message: OwnMessage;
    status: SendingStatus;
    error?: Refusal;
};
export type LinkTiming = {
    openMs: number;
    firstByteMs: number;
    silenceMs: number;
    pingMs: number;
    pongMs: number;
    waitSeconds: number;
};
export type Timing = LinkTiming & {
    retryMs: number;
    maxRetryMs: number;
    shortMs: number;
    climbMs: number;
    maxClimbMs: number;
};
export type UploadOptions = {
    onProgress?: (fraction: number) => void;
    signal?: AbortSignal;
    filename?: string;
};
import type { Transport } from "./types.js";
import type { OwnMessage } from "./types.js";
import type { SendingStatus } from "./types.js";
import type { Refusal } from "./types.js";
