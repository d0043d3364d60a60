// Finds the texts of the page in its modules.
//
// A text is the first argument of t() or parts(), or the second and third of plural(). A problem is a text that cannot be
// translated: one that is no literal, one that is looked up while a module loads, or English outside of these calls.

import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { parse } from "acorn";

const CALLS = { t: 0, parts: 0, plural: 1 };
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
// Properties and attributes that people see or hear.
const SHOWN = new Set(["aria-label", "aria-description", "aria-roledescription", "title", "placeholder", "alt", "label", "textContent", "ariaLabel"]);
const WORDS = /^\p{Lu}\p{Ll}|\p{L}\s+\p{Ll}|\p{L}{4,}[.:,;…]+\s|\p{L}…$/u;
const ONE_WORD = /\p{L}\p{L}/u;
const KEYS = /^(?:(?:Mod|Alt|Shift|Control|Meta)\+)*(?:Mod|Escape|Enter|Tab|Page(?:Up|Down)|Arrow\w+|Backspace|Shift|Control|Alt|Meta|.)$/;
const NAME = /^(?:\)? ?Parley|\(.*\)|WebSocket|Content-Type|Accept-Language|[A-Z][a-zA-Z]*Error|noopener .*)$/;
const SELECTING = new Set(["matches", "closest", "querySelector", "querySelectorAll"]);
const COMPARISONS = new Set(["===", "!==", "in"]);
const NO_TEXTS = /(?:emoji\/data|emoji\/names\/emoji-\w+|widget\/styles)\.js$/;
const NOT_SHOWN = /\/\/ not shown/;

function* modules(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== "languages") yield* modules(path);
    else if (entry.isFile() && entry.name.endsWith(".js")) yield path;
  }
}

/** @param {string} path @param {string} name as problems show it @param {{key: string, one: string | null, where: string}[]} texts @param {string[]} problems */
function read(path, name, texts, problems) {
  const source = readFileSync(path, "utf8");
  const lines = source.split("\n");
  const where = (node) => `${name}:${node.loc.start.line}`;
  const problem = (node, what) => problems.push(`${where(node)}: ${what}`);
  const excused = (node) => NOT_SHOWN.test(lines[node.loc.start.line - 1]) || NOT_SHOWN.test(lines[node.loc.start.line - 2] ?? "");

  function text(node, whole) {
    if (node?.type === "Literal" && typeof node.value === "string") return node.value;
    problem(whole, "the text must be a literal, so that catalogues can have it");
    return null;
  }
  function call(node, inside) {
    const [first, second] = node.arguments.slice(CALLS[node.callee.name]);
    const key = text(node.callee.name === "plural" ? second : first, node);
    const one = node.callee.name === "plural" ? text(first, node) : null;
    if (!inside) problem(node, "looked up while the module loads, before the language is known; move it into a function");
    if (key !== null) texts.push({ key, one, where: where(node) });
  }
  /** Texts of conditions, parts of a sum and so on, in a place whose text is shown. */
  function shown(node) {
    if (!node) return;
    if (node.type === "Literal" && typeof node.value === "string") english(node, node.value, ONE_WORD);
    else if (node.type === "TemplateLiteral") node.quasis.forEach((one) => english(one, one.value.cooked, ONE_WORD));
    else if (node.type === "ConditionalExpression") [node.consequent, node.alternate].forEach(shown);
    else if (node.type === "LogicalExpression") [...(node.operator === "&&" ? [] : [node.left]), node.right].forEach(shown);
    else if (node.type === "BinaryExpression" && node.operator === "+") [node.left, node.right].forEach(shown);
    else if (node.type === "ArrayExpression") node.elements.forEach(shown);
  }
  function english(node, words, pattern) {
    if (!pattern.test(words) || KEYS.test(words) || NAME.test(words) || excused(node)) return;
    problem(node, `“${words}” is not translated: use t(), plural() or parts(), or write “// not shown” after it`);
  }
  function visit(node, inside) {
    if (Array.isArray(node)) return node.forEach((one) => visit(one, inside));
    if (!node || typeof node.type !== "string") return undefined;
    if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration" || node.type === "ImportExpression") return undefined;
    const within = inside || FUNCTIONS.has(node.type) || (node.type === "PropertyDefinition" && !node.static);
    if (node.type === "CallExpression" && node.callee.name in CALLS) {
      call(node, within);
      const rest = node.callee.name === "plural" ? [node.arguments[0], ...node.arguments.slice(3)] : node.arguments.slice(1);
      return visit(rest, within);
    }
    if (node.type === "CallExpression" && SELECTING.has(node.callee.property?.name)) return visit(node.callee.object, within);
    if (node.type === "BinaryExpression" && COMPARISONS.has(node.operator)) {
      return visit([node.left, node.right].filter(({ type }) => type !== "Literal"), within);
    }
    if (node.type === "ThrowStatement" || node.type === "NewExpression" && /Error$/.test(node.callee.name ?? "")) return undefined;
    if (node.type === "CallExpression" && node.callee.name === "h") {
      node.arguments.slice(2).forEach(shown);
      return visit(node.arguments.slice(1), within); // the first one is a tag with classes
    }
    if (node.type === "CallExpression" && ["fill", "toast"].includes(node.callee.name)) node.arguments.slice(node.callee.name === "fill" ? 1 : 0).forEach(shown);
    if (node.type === "Property" && SHOWN.has(node.key.name ?? node.key.value)) shown(node.value);
    if (node.type === "AssignmentExpression" && SHOWN.has(node.left.property?.name)) shown(node.right);
    if (node.type === "Literal" && typeof node.value === "string") english(node, node.value, WORDS);
    if (node.type === "TemplateElement") english(node, node.value.cooked, WORDS);
    for (const [key, child] of Object.entries(node)) {
      if (key === "key" && !node.computed) continue; // the name of a property
      if (child && typeof child === "object") visit(child, within);
    }
    return undefined;
  }
  visit(parse(source, { ecmaVersion: "latest", sourceType: "module", locations: true }), false);
}

/** Returns {texts, problems} of the modules in the folder. @param {string} folder */
export function textsOf(folder) {
  const [texts, problems] = [[], []];
  for (const path of modules(folder)) if (!NO_TEXTS.test(path)) read(path, relative(process.cwd(), path), texts, problems);
  return { texts, problems: [...new Set(problems)] };
}
