/** @param {unknown} cause @returns {ParleyError} */
export function networkError(cause: unknown): ParleyError;
/** Returns the error that a non-2xx response describes. @param {Response} response */
export function errorFrom(response: Response): Promise<ParleyError>;
/** A failed call. `code` is stable (docs/protocol.md, section 12); it is `network` if there was no answer. */
export class ParleyError extends Error {
    /** From the data of an `error` event or a problem document. @param {any} data */
    static from(data: any): ParleyError;
    /**
     * @param {string} code
     * @param {string} [message] for developers
     * @param {{ status?: number, retryAfter?: number, errors?: { field: string, message: string }[], challenge?: string }} [more]
     */
    constructor(code: string, message?: string, more?: {
        status?: number;
        retryAfter?: number;
        errors?: {
            field: string;
            message: string;
        }[];
        challenge?: string;
    });
    code: string;
    status: number | undefined;
    /** Seconds. */
    retryAfter: number | undefined;
    errors: {
        field: string;
        message: string;
    }[] | undefined;
    /** With `second_factor_required`: give it to `loginWithCode`. */
    challenge: string | undefined;
    /** True if the same request may succeed later. `unauthorized` counts, because a fresh token fixes it. */
    get retryable(): boolean;
}
