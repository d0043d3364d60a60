/**
 * The types that the modules share with each other. Only types, as in types.js.
 *
 * @import { ParleyError } from "./errors.js"
 * @import { LinkTiming, Pair, Timing, WebSocketMaker } from "./option_types.js"
 * @import { Tokens } from "./tokens.js"
 * @import { EventMap, EventName, Joined, Profile, State, Transport, User } from "./types.js"
 */

// --- links: one connection over one transport

/**
 * @typedef {{
 *   joined(data: Joined | null): void,
 *   event(name: string, data: any, cursor?: string): Promise<void>,
 *   ended(end: End): void,
 * }} Sink `joined` gets null if a cursor was resumed without a `joined` event. `ended` is called once, unless the client closed the link
 * @typedef {{ code?: number, error?: ParleyError }} End
 * @typedef {{
 *   close(): void,
 *   check?(): void,
 *   command?(name: string, data: any): Promise<any>,
 *   notify?(name: string, data: any): void,
 *   confirms?: boolean,
 * }} Link `check` tests now whether the connection is alive; `confirms`: the transport itself confirms handled events
 * @typedef {{
 *   url: string,
 *   token: string,
 *   deviceId: string,
 *   cursor(): string | undefined,
 *   fresh(): Promise<string>,
 *   timing: LinkTiming,
 *   fetch: typeof fetch,
 *   WebSocket: WebSocketMaker,
 * }} LinkOptions
 * @typedef {Omit<LinkOptions, "token" | "timing" | "fresh">} Fixed
 * @typedef {{
 *   order: Transport[],
 *   timing: Timing,
 *   tokens: Tokens,
 *   link: Fixed,
 *   on: { state(state: State): void, joined(data: Joined): void, event: Sink["event"], tooSlow(): void },
 * }} ConnectionOptions
 */

// --- inside the client

/**
 * @typedef {(method: string, path: string, body?: any) => Promise<any>} Request
 * @typedef {<K extends EventName>(name: K, data: EventMap[K]) => void} Broadcast to the handlers of all tabs
 * @typedef {<K extends EventName>(name: K, data: EventMap[K]) => Promise<boolean>} Emit to the handlers of this tab
 * @typedef {Pair & { user: User & Partial<Profile> | null, renewAt: number, endsAt: number }} SignIn
 */

export {};
