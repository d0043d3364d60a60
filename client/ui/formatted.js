// Draws the text of a message with its formatting (docs/formatting.md). Text never becomes markup: every node is created,
// and only http and https addresses become links.

import { parseText } from "../parley.js";
import { h } from "./dom.js";
import { looksLikeAnother } from "./host_names.js";
import { safeUrl } from "./text.js";

/**
 * @import { Block, InlineNode } from "../lib/formatting_types.js"
 * @typedef {{isName?: (name: string) => boolean, isMe?: (name: string) => boolean}} Known
 * `isName`: which names are mentions. `isMe`: which of them mean the current user.
 */

const LINES = 20;
const CHARACTERS = 1600; // UTF-16 units

/** Returns an element with the text. @param {string} text @param {Known} [known] */
export function formatted(text, known = {}) {
  const blocks = parseText(text);
  const [first] = blocks;
  if (blocks.length === 1 && first.type === "paragraph") return h("p.text", { dir: "auto" }, inline(first.children, known));
  return h("div.text.blocks", null, blocks.map((block) => drawn(block, known)));
}

/** Returns the beginning of a long text, or null if the text is short. @param {string} text */
export function beginning(text) {
  const lines = text.split("\n", LINES + 1);
  let short = lines.slice(0, LINES).join("\n");
  if (short.length > CHARACTERS) {
    const cut = short.slice(0, CHARACTERS);
    short = /^.*\s/su.exec(cut)?.[0] ?? cut.replace(/[\ud800-\udbff]$/, "");
  }
  if (short.length >= text.length) return null;
  const isInCode = (short.match(/^```/gmu)?.length ?? 0) % 2 === 1;
  return `${short.trimEnd()}${isInCode ? "\n```" : " …"}`;
}

/** @param {Block} block @param {Known} known @returns {HTMLElement} */
function drawn(block, known) {
  if (block.type === "paragraph") return h("p", { dir: "auto" }, inline(block.children, known));
  if (block.type === "code_block") return h("pre", { dir: "ltr" }, h("code", block.language ? { "data-language": block.language } : null, block.text));
  if (block.type === "quote") return h("blockquote", null, block.blocks.map((part) => drawn(part, known)));
  const items = block.items.map(({ number, children }) => h("li", { dir: "auto", value: number }, inline(children, known)));
  return h(block.items[0].number === null ? "ul" : "ol", { dir: "auto" }, items);
}

const TAGS = { bold: "strong", italic: "em", strike: "s" };

/** @param {InlineNode[]} nodes @param {Known} known @returns {any[]} */
const inline = (nodes, known) => nodes.map((node) => drawnInline(node, known));

/** @param {InlineNode} node @param {Known} known */
function drawnInline(node, known) {
  if (node.type === "text") return node.text;
  if (node.type === "mention") return mention(node, known);
  if (node.type === "code") return h("code", null, node.text);
  if (node.type === "link") return link(node, known);
  return h(TAGS[node.type], null, inline(node.children, known));
}

/** Draws the longest name that somebody has as a mention, and the rest as text. @param {any} node @param {Known} known */
function mention({ text, names }, { isName, isMe }) {
  const name = names.find((one) => isName?.(one));
  if (!name) return text;
  const end = 1 + name.length;
  return [h(isMe?.(name) ? "span.mention.me" : "span.mention", null, text.slice(0, end)), text.slice(end)];
}

/**
 * A link with a label also shows where it leads, and so does one whose host looks like another. Addresses are always drawn from
 * left to right, so that their parts keep their order. @param {any} node @param {Known} known
 */
function link({ url, children }, known) {
  const href = safeUrl(url);
  const label = inline(children, known);
  if (href === null) return label;
  const anchor = h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, label);
  const isAddress = anchor.textContent === url;
  anchor.dir = isAddress ? "ltr" : "auto";
  if (isAddress && !looksLikeAnother(url)) return anchor;
  anchor.title = url;
  return [anchor, h("span.host", { dir: "ltr" }, ` (${new URL(href).hostname})`)];
}
