/** The client's grammars of text, against the vectors that the server passes too, and against a file of more of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { findAddresses } from "../../../../client/lib/links.js";
import { findMentions } from "../../../../client/lib/mentions.js";
import { parseText, plainText } from "../../../../client/lib/formatting.js";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const vectors = (name) => read(new URL(`../../../vectors/${name}.json`, import.meta.url));

for (const { text, links } of vectors("links")) {
  const found = findAddresses(text).filter(({ isLink }) => isLink).map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(found, links, text);
}

for (const { text, mentions } of vectors("mentions")) {
  assert.deepEqual(findMentions(text).map(({ names }) => names), mentions, text);
}

const [, , file] = process.argv;
for (const { text, blocks, plain } of [...vectors("formatting"), ...read(file)]) {
  assert.deepEqual(parseText(text), blocks, JSON.stringify(text));
  assert.equal(plainText(text), plain, JSON.stringify(text));
}

for (const part of ["*a ", "***a", "`", "``a`", "[", "[a](https://a.b) ", "[[a](https://a.b)", "a.bb/ ", "> ", "- x\n", "```\n", "@bob "]) {
  const started = performance.now();
  parseText(part.repeat(40_000 / part.length));
  assert.ok(performance.now() - started < 10_000, `${part}: quadratic time would be minutes`);
}

for (const part of ["a.bb/ ", "{www.}", "[a](https://a.b)"]) {
  const started = performance.now();
  findAddresses(part.repeat(1_000_000 / part.length));
  assert.ok(performance.now() - started < 10_000, `${part}: quadratic time would be minutes`);
}
