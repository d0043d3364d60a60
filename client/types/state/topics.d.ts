export class Topics {
    /**
     * Calls `listener` after each turn in which one of the topics changed. Returns a function that stops it.
     * @param {string | string[]} topics @param {() => void} listener @returns {() => void}
     */
    on(topics: string | string[], listener: () => void): () => void;
    /** @param {...string} topics */
    changed(...topics: string[]): void;
    /** Returns a number that grows whenever one of the topics changes. @param {string[]} topics */
    version(topics: string[]): number;
    #private;
}
