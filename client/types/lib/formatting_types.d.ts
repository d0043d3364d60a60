/**
 * The parsed text of a message (docs/formatting.md).
 */
export type TextNode = {
    type: "text";
    text: string;
};
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type CodeNode = {
    type: "code";
    text: string;
};
/**
 * A possible mention. `names` are the usernames
 * and group words that it may mean, in lower case, the longest first. It means the longest one that exists. A name of
 * n characters takes the first n characters after the `@` of `text`.
 */
export type MentionNode = {
    type: "mention";
    text: string;
    names: string[];
};
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type StyleNode = {
    type: "bold" | "italic" | "strike";
    children: InlineNode[];
};
/**
 * The address begins with http:// or https://.
 */
export type LinkNode = {
    type: "link";
    url: string;
    children: InlineNode[];
};
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type InlineParent = StyleNode | LinkNode;
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type InlineNode = TextNode | CodeNode | MentionNode | InlineParent;
/**
 * Line breaks in its texts are shown.
 */
export type ParagraphBlock = {
    type: "paragraph";
    children: InlineNode[];
};
/**
 * The language may be empty.
 */
export type CodeBlock = {
    type: "code_block";
    language: string;
    text: string;
};
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type QuoteBlock = {
    type: "quote";
    blocks: Block[];
};
/**
 * `number` is null for a bullet.
 */
export type ListItem = {
    number: number | null;
    children: InlineNode[];
};
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type ListBlock = {
    type: "list";
    items: ListItem[];
};
/**
 * The parsed text of a message (docs/formatting.md).
 */
export type Block = ParagraphBlock | CodeBlock | QuoteBlock | ListBlock;
