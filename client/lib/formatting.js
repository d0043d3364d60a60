// Formatting of messages: paragraphs, code blocks, quotes and lists. app/core/formatting.py implements the same grammar, and
// docs/formatting.md describes it; both pass the vectors of tests/vectors/formatting.json.

import { parseInline } from "./inline_formatting.js";

/** @import { Block, InlineNode, ListItem } from "./formatting_types.js" */

const MAX_QUOTES = 4; // levels of quotes in quotes; further ones are text
const FENCE = /^(`{3,})([A-Za-z0-9_+#.-]{0,32})[ \t]*$/u;
const BULLET = /^[-*\u2022][ \t]{1,4}(?=[^ \t])/u;
const NUMBER = /^([0-9]{1,9})[.)][ \t]{1,4}(?=[^ \t])/u;

/** Returns the blocks of a message. Every text is a valid input. @param {string} text @returns {Block[]} */
export const parseText = (text) => blocks(text.replace(/\r\n?/gu, "\n").split("\n"), 0);

/** Returns the text as it shows without formatting, for notifications and previews. @param {string} text */
export const plainText = (text) => parseText(text).map(plainBlock).join("\n");

/** @param {string[]} lines @param {number} depth @returns {Block[]} */
function blocks(lines, depth) {
  /** @type {Block[]} */
  const made = [];
  /** @type {string[]} */
  let waiting = []; // lines of a paragraph
  const longest = longestFences(lines);
  for (let at = 0; at < lines.length; ) {
    const [block, end] = blockAt(lines, at, depth, longest);
    if (block) {
      made.push(...paragraph(waiting), block);
      waiting = [];
    } else {
      waiting.push(lines[at]);
    }
    at = end;
  }
  return made.length ? [...made, ...paragraph(waiting)] : [{ type: "paragraph", children: parseInline(lines.join("\n")) }];
}

/**
 * Returns the block that begins in this line, or null for a line of a paragraph, and the index after it.
 * @param {string[]} lines @param {number} at @param {number} depth @param {number[]} longest @returns {[Block | null, number]}
 */
function blockAt(lines, at, depth, longest) {
  const fence = FENCE.exec(lines[at]);
  if (fence && longest[at + 1] >= fence[1].length) {
    const end = endOf(lines, at + 1, (line) => fenceLength(line) < fence[1].length);
    return [{ type: "code_block", language: fence[2], text: lines.slice(at + 1, end).join("\n") }, end + 1];
  }
  if (isQuote(lines[at]) && depth < MAX_QUOTES) {
    const end = endOf(lines, at, isQuote);
    return [{ type: "quote", blocks: blocks(lines.slice(at, end).map((line) => line.slice(2)), depth + 1) }, end];
  }
  for (const pattern of [BULLET, NUMBER]) {
    if (!pattern.test(lines[at])) continue;
    const end = endOf(lines, at, (line) => pattern.test(line));
    return [{ type: "list", items: lines.slice(at, end).map((line) => item(pattern, line)) }, end];
  }
  return [null, at + 1];
}

/** @param {RegExp} pattern @param {string} line @returns {ListItem} */
function item(pattern, line) {
  const [sign, number] = pattern.exec(line) ?? [""];
  return { number: number === undefined ? null : Number(number), children: parseInline(line.slice(sign.length)) };
}

/** Returns the index of the first line from `at` on that does not belong to the block. @param {string[]} lines @param {number} at @param {(line: string) => boolean} belongs */
function endOf(lines, at, belongs) {
  let end = at;
  while (end < lines.length && belongs(lines[end])) end += 1;
  return end;
}

/** @param {string} line */
const isQuote = (line) => line === ">" || line.startsWith("> ");

/** Returns the number of backticks if the line can end a code block, else 0. @param {string} line */
const fenceLength = (line) => /^(`{3,})[ \t]*$/u.exec(line)?.[1].length ?? 0;

/** Returns, for each line, the length of the longest fence in it or after it that can end a code block. The last entry is 0. @param {string[]} lines */
function longestFences(lines) {
  const longest = new Array(lines.length + 1).fill(0);
  for (let at = lines.length - 1; at >= 0; at -= 1) longest[at] = Math.max(longest[at + 1], fenceLength(lines[at]));
  return longest;
}

/** Returns the paragraph of these lines, without the blank lines around it; nothing if all are blank. @param {string[]} lines @returns {Block[]} */
function paragraph(lines) {
  const shown = lines.map((line) => /[^ \t]/u.test(line));
  const begin = shown.indexOf(true);
  if (begin < 0) return [];
  return [{ type: "paragraph", children: parseInline(lines.slice(begin, shown.lastIndexOf(true) + 1).join("\n")) }];
}

/** @param {Block} block @returns {string} */
function plainBlock(block) {
  if (block.type === "code_block") return block.text;
  if (block.type === "paragraph") return plain(block.children);
  if (block.type === "list") return block.items.map(({ number, children }) => `${number === null ? "\u2022" : `${number}.`} ${plain(children)}`).join("\n");
  return block.blocks.map(plainBlock).join("\n").split("\n").map((line) => `> ${line}`).join("\n");
}

/** @param {InlineNode[]} nodes @returns {string} */
const plain = (nodes) => nodes.map((node) => ("children" in node ? plain(node.children) : node.text)).join("");
