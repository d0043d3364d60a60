"""A first visit loads the texts that it shows, and is small in every language."""

from __future__ import annotations

import gzip
import re

import pytest

from app.web import assets
from app.web.assets import Assets
from app.web.catalogues import divided
from app.web.modules import BundleError
from tests.unit.test_bundle import modules

MAX_BYTES = 89_000  # gzipped: everything that a first visit loads, with a sign-in, without the HTML
MAX_FORM_BYTES = 50_000  # up to the sign-in form


@pytest.fixture(scope="module")
def built() -> Assets:
    return assets.build()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("export const texts = {\n  a: 1,\n};", "a:1"),
        ('export const texts = {\n  "A": other,\n};', '"A":other'),
        ('const a = 1;\nexport const all = { "A": "B" };', "?"),
    ],
)
def test_catalogue_that_is_no_list_of_texts_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(BundleError, match=re.escape(f"de.js: a catalogue has only texts, not `{wrong}")):
        divided(modules(main="export const a = 1;", de=text), ["de.js"], ["main.js"])


def test_catalogue_is_divided_by_what_the_first_scripts_show() -> None:
    made, rests = divided(
        modules(
            main='import { shared } from "./view.js";\nexport const show = () => t("Now", { a: "b" });',
            view='export const shared = () => plural(n, "{count} day", "{count} days");',
            panel='export const panel = () => t("Later");',
            common='export const texts = {\n  "Now": "Jetzt: {a}",\n  "Say \\"no\\"": "„Nein“",\n};',
            de="""import { texts as shared } from "./common.js";
export const texts = {
  ...shared,
  "{count} days": { one: "{count} Tag", other: "{count} Tage" },
  "Later": "Später",
};
""",
        ),
        ["de.js"],
        ["main.js"],
    )
    assert rests == {"de.js": "de-rest.js"}
    assert made["de.js"].code == (
        'const texts={\n"Now":"Jetzt: {a}",\n'
        '"{count} days":{one:"{count} Tag",other:"{count} Tage"}\n};\nreturn { texts };\n'
    )
    assert '"Later":"Später"' in made["de-rest.js"].code
    assert '"Say \\"no\\"":"„Nein“"' in made["de-rest.js"].code
    assert "Now" not in made["de-rest.js"].code


_SHOWN = re.compile(r'\b(?:t|parts)\(("(?:[^"\\]|\\.)*")|\bplural\([^"]+"(?:[^"\\]|\\.)*",("(?:[^"\\]|\\.)*")')


@pytest.mark.parametrize("language", assets.LANGUAGES)
def test_first_visit_has_all_texts_that_its_scripts_show(built: Assets, language: str) -> None:
    text = {
        name: built.files[built.names[name]].plain.decode() for name in ("page.js", "signed_in.js", f"{language}.js")
    }
    shown = {key or many for key, many in _SHOWN.findall(text["page.js"] + text["signed_in.js"])}
    assert len(shown) > 150
    assert [key for key in shown if f"{key}:" not in text[f"{language}.js"]] == []
    rest = built.files[built.names[f"{language}-rest.js"]].plain.decode()
    assert '"Do not disturb"' in rest or '"Change password"' in rest


@pytest.mark.parametrize("language", [None, *assets.LANGUAGES])
def test_first_load_is_small(built: Assets, language: str | None) -> None:
    texts = [f"{language}.js"] if language else []
    files = [built.files[built.names[name]] for name in ("page.js", "page.css", "icon.svg", *texts, "signed_in.js")]
    assert sum(len(file.gzip) for file in files[:-1]) < MAX_FORM_BYTES
    assert sum(len(file.gzip) for file in files) < MAX_BYTES
    for file in files:
        assert gzip.decompress(file.gzip) == file.plain
        assert len(file.brotli) < len(file.gzip) < len(file.plain)
