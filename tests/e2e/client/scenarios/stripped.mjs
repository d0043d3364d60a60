/** Removing comments and indentation changes nothing else: the syntax trees are the same. Reads [[name, before, after]] from a file. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../../dev/javascript/package.json", import.meta.url));
const acorn = require("acorn");

function tree(code) {
  const parsed = acorn.parse(code, { ecmaVersion: 2022, sourceType: "module" });
  return JSON.stringify(parsed, (key, value) => (key === "start" || key === "end" ? undefined : value));
}

const modules = JSON.parse(readFileSync(process.argv[2], "utf8"));
assert.ok(modules.length > 100);
for (const [name, before, after] of modules) assert.equal(tree(after), tree(before), name);
