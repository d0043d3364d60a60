"""The page's modules are bundled into scripts that behave as the modules do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.web import assets
from app.web.bundle import Rests, Script, bundle
from app.web.javascript import stripped
from app.web.modules import BundleError, Module, read_module
from dev.node import node


def modules(**texts: str) -> dict[str, Module]:
    names = {name.replace("__", "/") + ".js": text for name, text in texts.items()}
    return {name: read_module(name, text) for name, text in names.items()}


def addresses(first: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(first.partition("const $later = ")[2].partition(";\n")[0])
    return found


def defined(script: str) -> list[str]:
    """Returns the names of the modules that a script brings."""
    return re.findall(r'\$define\("([^"]+)"', script)


def scripts(**texts: str) -> tuple[str, dict[str, str]]:
    later: dict[str, str] = {}

    def publish(script: Script) -> str:
        later[script.stem] = script.text
        return f"/assets/{script.stem}.js"

    return bundle(modules(**texts), "main.js", publish), later


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("a(); // why\n\n  b();", "a();\nb();\n"),
        ("a()\n  b() /* x\n y */ c()", "a()\nb()\nc()\n"),
        ("/** type */\nconst a = 1 /* one */ + 2;", "const a=1+2;\n"),
        ('const a = "// no comment";', 'const a="// no comment";\n'),
        ("const a = 'it\\'s /* none */';", "const a='it\\'s /* none */';\n"),
        ("a = `x // ${b /* gone */ + `: ${ c }  `}\n  kept`;", "a=`x // ${b+`: ${c}  `}\n  kept`;\n"),
        ("a = `\\`${{ b: `}` }.b}`;", "a=`\\`${{b:`}`}.b}`;\n"),
        (r"a = b.split(/[/'`]\/\//u);", "a=b.split(/[/'`]\\/\\//u);\n"),
        ("a = b / c / d; // half", "a=b/c/d;\n"),
        ("a = b + +c - -d + ++e / /f/;", "a=b+ +c- -d+ ++e/ /f/;\n"),
        ("return /\\s+/.test(a) ? a`x` : $b;", "return/\\s+/.test(a)?a`x`:$b;\n"),
        ("const f = async ({ a, b }) =>\n  a in b;", "const f=async({a,b})=>\na in b;\n"),
        ("if (#a in b) return 1 .c;", "if(#a in b)return 1 .c;\n"),
    ],
)
def test_comments_and_indentation_are_removed_and_nothing_else(code: str, left: str) -> None:
    assert stripped(code) == left


def test_imports_and_exports_become_uses_and_results() -> None:
    text = """import "./effects.js";
import { a, b as c } from "../lib/x.js";
import {
  d,
} from "/client/parley.js";
import * as all from "./all.js";
const hidden = 1;
export const e = 2;
export async function f() { return import("./late.js"); }
export class G {}
export { hidden as h, c };
"""
    module = read_module("views/here.js", text)
    assert module.imports == ("views/effects.js", "lib/x.js", "client/parley.js", "views/all.js")
    assert module.later == ("views/late.js",)
    assert module.code == (
        '$use("views/effects.js");\n'
        'const{a,b:c}=$use("lib/x.js");\n'
        'const{d}=$use("client/parley.js");\n'
        'const all=$use("views/all.js");\n'
        "const hidden=1;\nconst e=2;\n"
        'async function f(){return $load("views/late.js");}\n'
        "class G{}\n"
        "return { e, f, G, h: hidden, c };\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        'import a from "./a.js";',
        "export default 1;",
        "export let a = 1;",
        'export * from "./a.js";',
        'export { a } from "./a.js";',
        "export const { a } = b;",
    ],
)
def test_other_syntax_is_refused_with_the_name_of_the_module(text: str) -> None:
    with pytest.raises(BundleError, match=r"views/a\.js: the bundle does not understand"):
        read_module("views/a.js", text)


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(BundleError, match=r"a\.js → b\.js → a\.js"):
        scripts(main='import "./a.js";', a='import "./b.js";', b='import "./a.js";')


def test_missing_module_is_refused() -> None:
    with pytest.raises(BundleError, match=r"main\.js imports gone\.js, which does not exist"):
        scripts(main='import "./gone.js";')


def test_later_scripts_bring_only_what_the_first_lacks() -> None:
    first, later = scripts(
        main='import { a } from "./a.js";\nexport const open = () => [import("./panel.js"), import("./a.js")];',
        a="export const a = 1;",
        panel='import { a } from "./a.js";\nimport { b } from "./b.js";\nexport const c = () => import("./deep.js");',
        b="export const b = 2;",
        deep='import { b } from "./b.js";\nexport const d = b;',
        unused="export const e = 3;",
    )
    assert defined(first) == ["a.js", "main.js"]
    assert defined(later["panel"]) == ["b.js", "panel.js"]
    assert defined(later["deep"]) == ["deep.js"]  # only the panel loads it, and the panel has b.js
    assert later.keys() == {"panel", "deep"}
    assert addresses(first) == {"panel.js": ["/assets/panel.js"], "deep.js": ["/assets/deep.js"]}


def test_later_script_that_is_reached_in_two_ways_brings_what_one_of_them_lacks() -> None:
    _, later = scripts(
        main='export const c = () => [import("./one.js"), import("./two.js"), import("./deep.js")];',
        one='import { b } from "./b.js";\nexport const c = () => import("./last.js");',
        two='import { b } from "./b.js";\nimport { a } from "./a.js";\nexport const c = () => import("./last.js");',
        last='import { a } from "./a.js";\nimport { b } from "./b.js";\nexport const c = () => import("./deep.js");',
        deep='import { b } from "./b.js";\nexport const d = b;',
        a="export const a = 1;",
        b="export const b = 2;",
    )
    assert defined(later["last"]) == ["a.js", "last.js"]
    assert defined(later["deep"]) == ["b.js", "deep.js"]


def test_large_part_of_several_later_scripts_is_a_script_of_its_own() -> None:
    first, later = scripts(
        main='export const c = () => [import("./one.js"), import("./two.js")];',
        one='import { data } from "./data.js";\nimport { a } from "./a.js";\nexport const one = data;',
        two='import { data } from "./data.js";\nimport { a } from "./a.js";\nexport const two = data;',
        data=f'export const data = "{"x" * 20_000}";',
        a="export const a = 1;",
    )
    assert {stem: defined(text) for stem, text in later.items()} == {
        "a": ["data.js", "a.js"],
        "one": ["one.js"],
        "two": ["two.js"],
    }
    assert addresses(first)["one.js"] == ["/assets/a.js", "/assets/one.js"]


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the page's files, which the test may change."""
    shutil.copytree(assets.STATIC, tmp_path / "static")
    monkeypatch.setattr(assets, "STATIC", tmp_path / "static")
    monkeypatch.setattr(assets, "PAGE", tmp_path / "static" / "page")
    return tmp_path / "static" / "page"


def test_name_of_a_file_changes_with_its_content_only(own_files: Path) -> None:
    before, sign = assets.build(), assets.signature()
    assert assets.build().names == before.names
    with (own_files / "css" / "1-palette.css").open("a") as styles:
        styles.write(".new-rule { color: red; }\n")
    (own_files / "views" / "added.js").write_text("export const added = 1;\n")
    assert assets.signature() != sign
    after = assets.build()
    changed = {name for name in before.names if after.names[name] != before.names[name]}
    assert changed == {"page.css"}  # nothing imports the new module
    assert b".new-rule" in after.files[after.names["page.css"]].plain


def test_change_of_a_later_script_changes_the_first_which_names_it(own_files: Path) -> None:
    before = assets.build()
    with (own_files / "views" / "settings.js").open("a") as module:
        module.write("export const added = 1;\n")
    after = assets.build()
    changed = {name for name in before.names if after.names[name] != before.names[name]}
    assert changed == {"settings.js", "page.js"}  # and no other script


def test_rest_of_a_module_is_loaded_with_the_first_script_after_it() -> None:
    given = modules(
        main='export const open = () => [import("./texts.js"), import("./list.js"), import("./panel.js")];',
        texts="export const texts = 1;",
        list="export const list = 1;",
        panel="export const panel = 1;",
    )
    rest = Module("texts-rest.js", ("texts.js",), (), 'order.push("rest");\nreturn {};\n')
    given["texts.js"] = replace(given["texts.js"], later=("texts-rest.js",))
    later: dict[str, str] = {}
    first = bundle(
        {**given, "texts-rest.js": rest},
        "main.js",
        lambda script: later.setdefault(script.stem, script.text) and script.stem,
        Rests({"texts.js": "texts-rest.js"}, ("list.js",)),
    )
    assert loaded_by(first, later, "texts.js", "list.js") == ["texts", "list"]
    assert loaded_by(first, later, "list.js", "panel.js") == ["list", "panel"]
    assert sorted(loaded_by(first, later, "texts.js", "panel.js", "list.js")) == [
        "list",
        "panel",
        "rest",
        "texts",
        "texts-rest",
    ]


def loaded_by(first: str, later: dict[str, str], *names: str) -> list[str]:
    """Runs the first script with Node, loads the modules one after the other, and returns what happened, in order."""
    scripts = {stem: text.replace("export default", "return") for stem, text in later.items()}
    begin = first.replace("import(tries ? `${address}?${tries}` : address)", "take(address)")
    code = f"""const order = [], scripts = {json.dumps(scripts)};
const take = async (address) => {{
  order.push(address);
  return {{ default: new Function("order", scripts[address])(order) }};
}};
{begin}
for (const name of {json.dumps(names)}) await $load(name);
console.log(JSON.stringify(order));"""
    run = subprocess.run([node(), "--input-type=module", "-e", code], capture_output=True, text=True, check=True)
    order: list[str] = json.loads(run.stdout)
    return order
