// Compares texts with their catalogues and prints what is wrong: node check_texts.mjs SHARED FOLDER FOLDER [LANGUAGE]
//
// Each folder has modules and catalogues. A text that the modules of several folders show, or those of SHARED, belongs to the catalogues of SHARED;
// the other catalogues take it from there. A catalogue has exactly its texts, with the same placeholders, and the plural forms of its language.
// With a language, prints only the texts that its catalogues lack, as lines to translate.

import { readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { textsOf } from "./texts.mjs";

const given = process.argv.slice(2);
const folders = given.filter((one) => one.includes("/")).map((one) => resolve(one));
const [[shared], only] = [folders, given.find((one) => !one.includes("/"))];
/** @type {string[]} */
const problems = [];
/** Each text, with its plural forms in English or null, and the folder whose catalogues have it. @type {Map<string, { one: string | null, home: string }>} */
const wanted = new Map();
for (const folder of folders) {
  const found = textsOf(folder);
  problems.push(...found.problems);
  for (const { key, one, where } of found.texts) {
    const before = wanted.get(key);
    if (before && before.one !== one) problems.push(`${where}: “${key}” has other forms elsewhere`);
    wanted.set(key, { one, home: before && before.home !== folder ? shared : folder });
  }
}

const placeholders = (text) => [...text.matchAll(/\{\w+\}/gu)].map(([name]) => name).sort().join(" ");
const categories = (language) => new Intl.PluralRules(language).resolvedOptions().pluralCategories.sort().join(" ");

/** A form for one, two or no things may do without the number. */
function fits(form, key, text) {
  const [has, should] = [placeholders(text), placeholders(key)];
  return has === should || (["zero", "one", "two"].includes(form) && has === placeholders(key.replace("{count}", "")));
}

/** Returns the texts that the catalogue does not take from another one. @param {string} source */
async function ownTexts(source) {
  const alone = source.replace(/^import .*$/m, "const shared = {};");
  return (await import(`data:text/javascript,${encodeURIComponent(alone)}`)).texts;
}

function compare(language, catalogue, texts, wrong) {
  for (const [key, { one }] of texts) {
    const found = catalogue[key];
    if (found === undefined) wrong(`“${key}” is missing`);
    else if ((typeof found === "string") !== (one === null)) wrong(`“${key}” must ${one === null ? "be a text" : "have plural forms"}`);
    else if (one !== null && Object.keys(found).sort().join(" ") !== categories(language)) wrong(`“${key}” must have the forms ${categories(language)}`);
    else for (const [form, text] of Object.entries(one === null ? { other: found } : found)) if (!fits(form, key, text)) wrong(`“${key}” has other placeholders in “${text}”`);
  }
  for (const key of Object.keys(catalogue)) {
    if (!wanted.has(key)) wrong(`“${key}” is shown nowhere`);
    else if (!texts.has(key)) wrong(`“${key}” belongs to ${relative(process.cwd(), wanted.get(key).home)}/languages`);
  }
}

function printMissing(name, catalogue, texts) {
  const missing = [...texts].filter(([key]) => !(key in catalogue));
  if (missing.length) console.log(`${name}:`);
  for (const [key, { one }] of missing) console.log(`  ${JSON.stringify(key)}: ${one === null ? '""' : "{}"},`);
}

for (const folder of folders) {
  const texts = new Map([...wanted].filter(([, { home }]) => home === folder));
  for (const file of readdirSync(join(folder, "languages"))) {
    const [path, language] = [join(folder, "languages", file), file.replace(".js", "")];
    const [name, source] = [relative(process.cwd(), path), readFileSync(path, "utf8")];
    const wrong = (what) => problems.push(`${name}: ${what}`);
    const catalogue = await ownTexts(source);
    if (only === language) printMissing(name, catalogue, texts);
    if (only !== undefined) continue;
    compare(language, catalogue, texts, wrong);
    if (folder !== shared && !(source.includes(`/ui/languages/${file}";`) && source.includes("  ...shared,\n"))) wrong(`the texts of ${relative(process.cwd(), shared)} are not in it`);
  }
}
if (only === undefined) problems.forEach((problem) => console.log(problem));
