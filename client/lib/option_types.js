/**
 * The types of the arguments of the constructor and the methods. Only types, as in types.js.
 *
 * @import { OwnMessage, Refusal, SendingStatus, Transport } from "./types.js"
 */

/**
 * @typedef {{
 *   url?: string,
 *   storage?: Store,
 *   deviceId?: string,
 *   language?: string,
 *   transports?: Transport[],
 *   shareAcrossTabs?: boolean,
 *   fetch?: typeof fetch,
 *   WebSocket?: WebSocketMaker,
 *   indexedDB?: IDBFactory | null,
 *   push?: boolean,
 *   outboxStore?: OutboxStore,
 *   renew?: (pair: Pair) => Promise<Pair>,
 *   timing?: Partial<Timing>,
 * }} Options
 * `language` is a BCP 47 tag for the texts of errors and notifications; without it, the browser's languages are used. `push: false` leaves
 * the notifications of this browser alone: they belong to another application.
 * @typedef {{ getItem(key: string): string | null, setItem(key: string, value: string): void, removeItem(key: string): void }} Store
 * @typedef {new (url: string) => any} WebSocketMaker the browser's class, or that of the package `ws`
 * @typedef {{ accessToken: string, refreshToken?: string, deviceToken?: string }} Pair
 * @typedef {{
 *   add(entry: Entry): Promise<void>,
 *   put(entry: Entry): Promise<void>,
 *   remove(id: string): Promise<void>,
 *   all(): Promise<Entry[]>,
 * }} OutboxStore
 * @typedef {{
 *   order?: number,
 *   owner: string,
 *   id: string,
 *   lane: string,
 *   data: any,
 *   message: OwnMessage,
 *   status: SendingStatus,
 *   error?: Refusal,
 * }} Entry `data` is that of the command that sends the message
 * @typedef {{
 *   openMs: number,
 *   firstByteMs: number,
 *   silenceMs: number,
 *   pingMs: number,
 *   pongMs: number,
 *   waitSeconds: number,
 * }} LinkTiming
 * @typedef {LinkTiming & { retryMs: number, maxRetryMs: number, shortMs: number, climbMs: number, maxClimbMs: number }} Timing
 * @typedef {{ onProgress?: (fraction: number) => void, signal?: AbortSignal, filename?: string }} UploadOptions
 */

export {};
