/**
 * The parsed text of a message (docs/formatting.md).
 *
 * @typedef {{ type: "text", text: string }} TextNode
 * @typedef {{ type: "code", text: string }} CodeNode
 * @typedef {{ type: "mention", text: string, names: string[] }} MentionNode A possible mention. `names` are the usernames
 *   and group words that it may mean, in lower case, the longest first. It means the longest one that exists. A name of
 *   n characters takes the first n characters after the `@` of `text`.
 * @typedef {{ type: "bold" | "italic" | "strike", children: InlineNode[] }} StyleNode
 * @typedef {{ type: "link", url: string, children: InlineNode[] }} LinkNode The address begins with http:// or https://.
 * @typedef {StyleNode | LinkNode} InlineParent
 * @typedef {TextNode | CodeNode | MentionNode | InlineParent} InlineNode
 *
 * @typedef {{ type: "paragraph", children: InlineNode[] }} ParagraphBlock Line breaks in its texts are shown.
 * @typedef {{ type: "code_block", language: string, text: string }} CodeBlock The language may be empty.
 * @typedef {{ type: "quote", blocks: Block[] }} QuoteBlock
 * @typedef {{ number: number | null, children: InlineNode[] }} ListItem `number` is null for a bullet.
 * @typedef {{ type: "list", items: ListItem[] }} ListBlock
 * @typedef {ParagraphBlock | CodeBlock | QuoteBlock | ListBlock} Block
 */
export {};
