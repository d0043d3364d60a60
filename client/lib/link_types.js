/**
 * The types by which the modules know each other. Types alone, as in types.js.
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
 * }} Sink `joined` with null: a cursor was resumed without one. `ended` comes once, unless the link was closed from here
 * @typedef {{ code?: number, error?: ParleyError }} End
 * @typedef {{
 *   close(): void,
 *   check?(): void,
 *   command?(name: string, data: any): Promise<any>,
 *   tell?(name: string, data: any): void,
 *   confirms?: boolean,
 * }} Link `check`: find out now whether it lives; `confirms`: the transport itself tells what was handled
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
 *   on: { state(state: State): void, joined(data: Joined): void, event: Sink["event"] },
 * }} ConnectionOptions
 */

// --- within

/**
 * @typedef {(method: string, path: string, body?: any) => Promise<any>} Request
 * @typedef {<K extends EventName>(name: K, data: EventMap[K]) => void} Tell to the handlers of all tabs
 * @typedef {<K extends EventName>(name: K, data: EventMap[K]) => Promise<boolean>} Emit to the handlers of this tab
 * @typedef {Pair & { user: User & Partial<Profile> | null, renewAt: number, endsAt: number }} SignIn
 */

export {};
