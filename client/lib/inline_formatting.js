// Formatting within a paragraph: bold, italic, strike, code, links and mentions. app/core/inline_formatting.py implements the
// same grammar, and docs/formatting.md describes it. Every text is a valid input, and takes time proportional to its length.

import { findAddresses } from "./links.js";
import { findMentions } from "./mentions.js";

/**
 * @import { Address } from "./links.js"
 * @import { InlineNode, InlineParent } from "./formatting_types.js"
 */

/** @type {Record<string, "bold" | "italic" | "strike">} */
const TYPES = { "**": "bold", "*": "italic", _: "italic", "~~": "strike" };
/** The runs of each sign that are marks. @type {Record<string, string[]>} */
const MARKS = { "*": ["*", "**", "***"], _: ["_"], "~": ["~~"] };
const SPECIAL = /\*+|_+|~+|`+|\[|\]|\n\n/gu;
const SPACE = new Set(" \t\n\u00a0\u3000\u2028\u2029");
const WORD = /[\p{L}\p{N}\p{M}]/u;
/** Scripts that are written without spaces, or add endings to words without one, as Korean does. */
const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\u{20000}-\u{3ffff}]/u;

/** @param {string} text @returns {InlineNode[]} */
export const parseInline = (text) => withMentions(new Scan(text).run());

/** Scans the text once. `#nodes` are the nodes so far; an open mark is a text node until it is closed. */
class Scan {
  #text;
  /** @type {InlineNode[]} */ #nodes = [];
  /** mark → its index in `#nodes` @type {Map<string, number>} */ #open = new Map();
  /** the index of the last node that contains an address */ #lastAddress = -1;
  /** the indexes of open [ @type {number[]} */ #brackets = [];
  /** the runs of backticks by length @type {Map<number, number[]>} */ #backticks = new Map();
  /** @type {Address[]} */ #addresses;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
    this.#addresses = findAddresses(text);
    for (const { 0: run, index } of text.matchAll(/`+/gu)) {
      const runs = this.#backticks.get(run.length);
      if (runs) runs.push(index);
      else this.#backticks.set(run.length, [index]);
    }
  }

  run() {
    const text = this.#text;
    let [at, next] = [0, 0];
    let special = specialFrom(text, 0);
    while (at < text.length) {
      if (special && special.index < at) special = specialFrom(text, at);
      const begin = special ? special.index : text.length;
      while (next < this.#addresses.length && this.#addresses[next].start < at) next += 1;
      const address = this.#addresses[next];
      if (address && address.start <= begin) {
        this.#addText(at, address.start);
        at = this.#address(address);
      } else {
        this.#addText(at, begin);
        at = special ? this.#special(special[0], begin) : begin;
      }
    }
    return merged(this.#nodes);
  }

  /** @param {number} start @param {number} end */
  #addText(start, end) {
    if (end > start) this.#nodes.push({ type: "text", text: this.#text.slice(start, end) });
  }

  /** @param {Address} address */
  #address({ start, end, isLink }) {
    const text = this.#text.slice(start, end);
    this.#lastAddress = this.#nodes.length;
    this.#nodes.push(isLink ? { type: "link", url: text, children: [{ type: "text", text }] } : { type: "text", text });
    return end;
  }

  /** Handles the sign at `at`. Returns the index at which to continue. @param {string} sign @param {number} at @returns {number} */
  #special(sign, at) {
    const end = at + sign.length;
    if (sign === "\n\n") {
      this.#open.clear();
      this.#brackets.length = 0;
    } else if (sign[0] === "`") {
      return this.#code(at, end);
    } else if (sign === "[") {
      this.#brackets.push(this.#nodes.length);
    } else if (sign === "]") {
      return this.#endOfLabel(at);
    } else if (MARKS[sign[0]].includes(sign)) {
      this.#mark(sign, at, end);
      return end;
    }
    this.#addText(at, end);
    return end;
  }

  /** @param {number} at @param {number} end */
  #code(at, end) {
    const close = first(this.#backticks.get(end - at) ?? [], (start) => start >= end);
    if (close === undefined || this.#text.slice(end, close).includes("\n")) {
      this.#addText(at, end);
      return end;
    }
    this.#nodes.push({ type: "code", text: this.#text.slice(end, close) });
    return close + end - at;
  }

  /** Makes a link of `[label](address)`. @param {number} at */
  #endOfLabel(at) {
    const opened = this.#brackets.pop();
    const address = this.#text.startsWith("](", at) ? first(this.#addresses, ({ start }) => start >= at + 2) : undefined;
    const isTarget = address?.start === at + 2 && address.isLink && this.#text[address.stop] === ")";
    if (opened === undefined || !address || !isTarget || !this.#isLabel(opened + 1)) {
      this.#addText(at, at + 1);
      return at + 1;
    }
    this.#close(opened, { type: "link", url: this.#text.slice(address.start, address.stop), children: [] });
    this.#lastAddress = opened;
    return address.stop + 1;
  }

  /** Returns whether the nodes may be a label: they show something, and contain no address, which readers could take for the target. @param {number} from */
  #isLabel(from) {
    if (this.#lastAddress >= from) return false;
    for (let index = from; index < this.#nodes.length; index += 1) if (shows(this.#nodes[index])) return true;
    return false;
  }

  /** @param {string} sign @param {number} at @param {number} end */
  #mark(sign, at, end) {
    const [before, after] = [characterBefore(this.#text, at), characterAt(this.#text, end)];
    let left = sign;
    if (before !== "\\" && before && !SPACE.has(before) && !isWord(after)) left = this.#closeMarks(sign);
    const opens = after && !SPACE.has(after) && !isWord(before) && before !== "\\" && !(sign === "_" && before === "@");
    if (left && opens) {
      for (const mark of left === "***" ? ["**", "*"] : [left]) {
        this.#open.set(mark, this.#nodes.length);
        this.#nodes.push({ type: "text", text: mark });
      }
    } else if (left) {
      this.#nodes.push({ type: "text", text: left });
    }
  }

  /** Closes the innermost open marks that the sign closes. Returns what is left of the sign. @param {string} sign */
  #closeMarks(sign) {
    const marks = (sign === "***" ? ["*", "**"] : [sign]).filter((mark) => this.#open.has(mark));
    for (const mark of marks.sort((one, other) => (this.#open.get(other) ?? 0) - (this.#open.get(one) ?? 0))) {
      const opened = this.#open.get(mark);
      if (opened === undefined || mark.length > sign.length) continue;
      this.#close(opened, { type: TYPES[mark], children: [] });
      sign = sign.slice(mark.length);
    }
    return sign;
  }

  /** Puts the nodes after the index into `node`, which takes its place. @param {number} opened @param {InlineParent} node */
  #close(opened, node) {
    node.children = merged(this.#nodes.splice(opened).slice(1));
    this.#nodes.push(node);
    this.#lastAddress = Math.min(this.#lastAddress, opened);
    for (const [mark, index] of this.#open) if (index >= opened) this.#open.delete(mark);
    while (this.#brackets.length && this.#brackets[this.#brackets.length - 1] >= opened) this.#brackets.pop();
  }
}

/** @param {string} text @param {number} at */
function specialFrom(text, at) {
  SPECIAL.lastIndex = at;
  return SPECIAL.exec(text);
}

/**
 * Returns the first item of a sorted list for which `isPast` is true, by bisection.
 * @template T @param {T[]} sorted @param {(item: T) => boolean} isPast @returns {T | undefined}
 */
function first(sorted, isPast) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isPast(sorted[middle])) high = middle;
    else low = middle + 1;
  }
  return sorted[low];
}

/** @param {string} text @param {number} at */
const characterAt = (text, at) => (at < text.length ? String.fromCodePoint(text.codePointAt(at) ?? 0) : "");

/** @param {string} text @param {number} at */
function characterBefore(text, at) {
  const isPair = /[\udc00-\udfff]/.test(text[at - 1] ?? "") && /[\ud800-\udbff]/.test(text[at - 2] ?? "");
  return text.slice(Math.max(0, at - (isPair ? 2 : 1)), at);
}

/** Returns whether the character belongs to a word of a script with spaces between words. @param {string} character */
const isWord = (character) => WORD.test(character) && !UNSPACED.test(character);

/** @param {InlineNode} node @returns {boolean} */
const shows = (node) => ("children" in node ? node.children.some(shows) : [...node.text].some((character) => !SPACE.has(character)));

/** Returns the nodes with adjacent texts joined. @param {InlineNode[]} nodes @returns {InlineNode[]} */
function merged(nodes) {
  /** @type {InlineNode[]} */
  const joined = [];
  /** @type {string[]} */
  let pieces = [];
  const flush = () => {
    if (pieces.length) joined.push({ type: "text", text: pieces.join("") });
    pieces = [];
  };
  for (const node of nodes) {
    if (node.type === "text") {
      pieces.push(node.text);
    } else {
      flush();
      joined.push(node);
    }
  }
  flush();
  return joined;
}

/** @param {InlineNode[]} nodes @returns {InlineNode[]} */
const withMentions = (nodes) => nodes.flatMap(split);

/** Returns the node with the mentions in its texts as nodes. Links and code contain none. @param {InlineNode} node @returns {InlineNode[]} */
function split(node) {
  if (node.type === "text") return mentionsOf(node.text);
  if (node.type === "bold" || node.type === "italic" || node.type === "strike") return [{ ...node, children: withMentions(node.children) }];
  return [node];
}

/** @param {string} text @returns {InlineNode[]} */
function mentionsOf(text) {
  /** @type {InlineNode[]} */
  const nodes = [];
  let at = 0;
  for (const { start, end, names } of findMentions(text)) {
    if (start > at) nodes.push({ type: "text", text: text.slice(at, start) });
    nodes.push({ type: "mention", text: text.slice(start, end), names });
    at = end;
  }
  if (at < text.length) nodes.push({ type: "text", text: text.slice(at) });
  return nodes;
}
