/**
 * The objects of client/lib/types.js have the same fields and types as the server's own description. The argument is a
 * file with {schemas, events: {name: name of the schema}}.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { argument } from "./support.mjs";

const ts = createRequire(new URL("../../../../dev/javascript/package.json", import.meta.url))("typescript");
const { schemas, events } = JSON.parse(readFileSync(argument, "utf8"));
/** Types that the server names differently. */
const NAMED = { User: "UserView", Attachment: "AttachmentView", Typing: "TypingShown", ConversationSettings: "SettingsNow" };
/** Types that the client sends: it accepts no null for optional fields. */
const GIVEN = ["Forward", "NewGroup"];
/** Fields that the server only describes as `object`, and codes to which later releases may add. */
const OTHERWISE = ["system", "code"];

const path = fileURLToPath(new URL("../../../../client/lib/types.js", import.meta.url));
const program = ts.createProgram([path], { allowJs: true, checkJs: true, strict: true, noEmit: true, target: ts.ScriptTarget.ES2022 });
const checker = program.getTypeChecker();
const types = new Map();
for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path)))) {
  types.set(symbol.name, checker.getDeclaredTypeOfSymbol(symbol));
}
const WORDS = { integer: "number", number: "number", string: "string", boolean: "boolean", null: "null", object: "object", any: "any" };

/** Describes a type in words, the same for both sides: sorted alternatives, and objects by their fields. */
function ofSchema(schema) {
  if (schema.$ref) return ofSchema(schemas[schema.$ref.split("/").at(-1)]);
  if (schema.anyOf) return joined(schema.anyOf.map(ofSchema));
  if (schema.enum) return joined(schema.enum.map((value) => JSON.stringify(value)));
  if (schema.type === "array") return `(${ofSchema(schema.items)})[]`;
  if (schema.properties) return `{${Object.keys(schema.properties).sort()}}`;
  return WORDS[schema.type ?? "any"];
}

function ofType(type) {
  if (type.isUnion()) return joined(type.types.filter((one) => !(one.flags & ts.TypeFlags.Undefined)).map(ofType));
  if (type.isLiteral()) return JSON.stringify(type.value);
  if (checker.isArrayType(type)) return `(${ofType(checker.getTypeArguments(type)[0])})[]`;
  const plain = checker.typeToString(type);
  if (Object.values(WORDS).includes(plain) || ["true", "false"].includes(plain)) return plain;
  if (checker.getIndexInfoOfType(type, ts.IndexKind.String)) return "object"; // any fields
  return `{${type.getProperties().map(({ name }) => name).sort()}}`;
}

const joined = (words) => [...new Set(words.flatMap((word) => word.split("|")))].sort().join("|").replace("false|true", "boolean");

function compare(name, type, schema) {
  const members = new Map(type.getProperties().map((symbol) => [symbol.name, symbol]));
  assert.deepEqual([...members.keys()].sort(), Object.keys(schema.properties).sort(), name);
  for (const [member, symbol] of members) {
    const optional = Boolean(symbol.flags & ts.SymbolFlags.Optional);
    assert.equal(optional, !(schema.required ?? []).includes(member), `${name}.${member} must be optional on both sides or on neither`);
    if (OTHERWISE.includes(member)) continue;
    assert.equal(ofType(checker.getTypeOfSymbol(symbol)), ofSchema(schema.properties[member]), `${name}.${member}`);
  }
}

let compared = 0;
for (const [name, type] of types) {
  const schema = schemas[NAMED[name] ?? name];
  if (!schema?.properties || GIVEN.includes(name)) continue;
  compare(name, type, schema);
  compared += 1;
}
assert.ok(compared >= 40, `${compared} objects`);

const map = new Map(types.get("EventMap").getProperties().map((symbol) => [symbol.name, checker.getTypeOfSymbol(symbol)]));
for (const [event, name] of Object.entries(events)) {
  assert.ok(map.has(event), `${event} is missing in EventMap`);
  compare(`${event}: ${name}`, map.get(event), schemas[name]);
}
console.log(`${compared} objects, ${Object.keys(events).length} events`);
