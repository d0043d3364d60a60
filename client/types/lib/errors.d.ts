/** @param {unknown} cause @returns {ParleyError} */
export function networkError(cause: unknown): ParleyError;
/** The error that an answer other than 2xx tells of. @param {Response} response */
export function errorOf(response: Response): Promise<ParleyError>;
/** What went wrong: `code` is stable (docs/protocol.md, section 12); `network` where no answer came at all. */
export class ParleyError extends Error {
    /** From the data of an `error` event or a problem document. @param {any} data */
    static from(data: any): ParleyError;
    /**
     * @param {string} code
     * @param {string} [message] for developers
     * @param {{ status?: number, retryAfter?: number, errors?: { field: string, message: string }[] }} [more]
     */
    constructor(code: string, message?: string, more?: {
        status?: number;
        retryAfter?: number;
        errors?: {
            field: string;
            message: string;
        }[];
    });
    code: string;
    status: number | undefined;
    /** Seconds. */
    retryAfter: number | undefined;
    errors: {
        field: string;
        message: string;
    }[] | undefined;
    /** Whether the same request may succeed later. `unauthorized` is among them: a fresh token mends it. */
    get retryable(): boolean;
}
