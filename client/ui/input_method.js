// Input methods, with which people write Chinese, Japanese, Korean and many other languages.

const PROCESSED_BY_INPUT_METHOD = 229;

/**
 * Returns whether the key belongs to an input method, which uses Enter, Escape and the arrows to choose a word. In Safari,
 * the Enter that chooses the word comes after the end of the composition: `isComposing` is false by then, but `keyCode` is
 * still 229.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === PROCESSED_BY_INPUT_METHOD;
