/**
 * Returns the message with the text that `message_append` adds: the same object if it has that text already, null if something
 * before the text is missing; the caller then reads the message again.
 * @template {{ message?: string, length?: number }} M @param {M} message @param {MessageAppend} append @returns {M | null}
 */
export function grown<M extends {
    message?: string;
    length?: number;
}>(message: M, { from, text }: MessageAppend): M | null;
/**
 * Returns `next` with the longer of the two texts, because a page of the history may be older than the latest events.
 * @template {{ streaming?: true, message?: string, length?: number }} M @param {M | undefined} old @param {M} next @returns {M}
 */
export function longer<M extends {
    streaming?: true;
    message?: string;
    length?: number;
}>(old: M | undefined, next: M): M;
export function lengthOf(text: string): number;
import type { MessageAppend } from "./types.js";
