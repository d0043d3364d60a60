/**
 * The promises of the package: it has no dependencies, every module is used, and it is small. The legacy client is ES5
 * and even smaller.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

const require = createRequire(new URL("../../../../dev/javascript/package.json", import.meta.url));
const acorn = require("acorn");
const client = new URL("../../../../client/", import.meta.url);
const MAX_BYTES = 23_000; // gzipped: the code of all modules, without comments
const MAX_LEGACY_BYTES = 3_000; // gzipped, as it is served
const MAX_LINES = 340;

const read = (path) => readFileSync(new URL(path, client), "utf8");

/** @returns the code without comments, and the modules it imports */
function parse(path) {
  let code = read(path);
  const comments = [];
  const tree = acorn.parse(code, { ecmaVersion: 2022, sourceType: "module", onComment: comments });
  const imports = tree.body.filter((node) => node.source).map((node) => node.source.value);
  for (const { start, end } of comments.reverse()) code = code.slice(0, start) + code.slice(end).replace(/^ +/, "");
  return { code: code.replace(/ +$/gm, "").replace(/^\n/gm, ""), imports };
}

const modules = new Map();
function follow(path) {
  if (modules.has(path)) return;
  const module = parse(path);
  modules.set(path, module);
  for (const imported of module.imports) {
    assert.match(imported, /^\.\.?\//, `${path} depends on ${imported}`);
    follow(new URL(imported, new URL(path, client)).href.slice(client.href.length));
  }
}

follow("parley.js");
const files = readdirSync(new URL("lib/", client)).map((name) => `lib/${name}`);
const onlyTypes = files.filter((path) => parse(path).code.trim() === "export {};"); // for tools; modules do not load them
assert.ok(onlyTypes.includes("lib/types.js"));
assert.deepEqual([...modules.keys(), ...onlyTypes].sort(), [...files, "parley.js"].sort(), "every module is used");
for (const path of [...files, "parley.js", "sw.js", "legacy.js"]) {
  assert.ok(read(path).split("\n").length <= MAX_LINES, `${path} has too many lines`);
}
assert.equal(JSON.parse(read("package.json")).dependencies, undefined);

const whole = [...modules.keys()].sort().map((path) => modules.get(path).code);
const size = gzipSync(whole.join(""), { level: 9 }).length;
assert.ok(size < MAX_BYTES, `${size} bytes`);

acorn.parse(read("legacy.js"), { ecmaVersion: 5, sourceType: "script" });
const legacy = gzipSync(read("legacy.js"), { level: 9 }).length;
assert.ok(legacy < MAX_LEGACY_BYTES, `${legacy} bytes`);
console.log(`client ${size} bytes, legacy ${legacy} bytes`);
