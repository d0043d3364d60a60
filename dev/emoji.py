"""``python -m dev.emoji`` writes the lists of emoji: app/core/emoji.txt for the server, and the names, groups and
keywords for the page's picker, in English and in the page's other languages.

The sequences are those of the package ``emoji``, which follows Unicode. The English names and keywords are from
emojibase-data, those in other languages from Unicode's CLDR; both write the sequences with other variation selectors.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from emoji import EMOJI_DATA, STATUS

from app.core.languages import ENGLISH, LANGUAGES
from dev.node import node_tools

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "app" / "core" / "emoji.txt"
PAGE = ROOT / "app" / "web" / "static" / "page" / "emoji" / "data.js"
NAMES = PAGE.parent / "names"
LICENSE = PAGE.parent / "LICENSE.txt"
OTHERS = tuple(language for language in LANGUAGES if language != ENGLISH)
SELECTOR, JOINER = "\ufe0f", "\u200d"
TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
GROUPS = (
    "Smileys and emotion",
    "People and body",
    "",  # skin tones and hair, which a picker does not show by themselves
    "Animals and nature",
    "Food and drink",
    "Travel and places",
    "Activities",
    "Objects",
    "Symbols",
    "Flags",
)
HEAD = """// Emoji by group, each with its name, short names and keywords, and how it takes a skin tone (0: not at all).
// Written by `python -m dev.emoji` from the data of Unicode (LICENSE.txt); do not edit.

/** @type {[group: string, emoji: [emoji: string, name: string, words: string, tones: number][]][]} */
export const EMOJI = """

HEAD_OF_NAMES = """// Names of emoji in the order of ../data.js: the name, then keywords behind a bar.
// Written by `python -m dev.emoji` from the data of Unicode (../LICENSE.txt); do not edit.

export const NAMES = """
LICENSES = """data.js is made from emojibase-data; names/ from the Unicode CLDR,
that is from cldr-annotations-full and cldr-annotations-derived-full.

=== emojibase-data
{}
=== Unicode CLDR
{}"""


@cache
def sequences() -> dict[str, str]:
    """Returns each emoji without variation selectors -> its fully qualified form."""
    wanted = STATUS["fully_qualified"], STATUS["component"]
    listed = (emoji for emoji, known in EMOJI_DATA.items() if known["status"] in wanted)
    return {bare(emoji): emoji for emoji in sorted(listed)}


def server_list() -> str:
    lines = textwrap.wrap(" ".join(sequences().values()), 100, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + "\n"


def page_module() -> str:
    """Returns the page's data as a module, with one line per emoji."""
    groups = ",\n".join(f"[{_text(name)}, [\n" + ",\n".join(lines) + "\n]]" for name, lines in _groups().items())
    return f"{HEAD}[\n{groups}\n];\n"


def names_module(language: str) -> str:
    """Returns the names and keywords of the page's emoji as a module, with one line per emoji."""
    lines = ",\n".join(_text(_names_of(emoji, language)) for emoji in _page_emoji())
    return f"{HEAD_OF_NAMES}[\n{lines}\n];\n"


def licenses() -> str:
    packages = node_tools()
    return LICENSES.format(
        *((packages / name / "LICENSE").read_text() for name in ("emojibase-data", "cldr-annotations-full"))
    )


def bare(emoji: str) -> str:
    return emoji.replace(SELECTOR, "")


def toned(emoji: str, tone: str, where: int) -> str:
    """Adds a skin tone to the first person, and if ``where`` is 2 also to the last one. The page does the same."""
    first = emoji[0] + tone + emoji[1:].removeprefix(SELECTOR)
    return first + tone if where == 2 else first


def _groups() -> dict[str, list[str]]:
    package = node_tools() / "emojibase-data" / "en"
    listed = json.loads((package / "data.json").read_text())
    short = json.loads((package / "shortcodes" / "github.json").read_text())
    groups: dict[str, list[str]] = {name: [] for name in GROUPS if name}
    for entry in sorted(listed, key=lambda entry: entry.get("order", 0)):
        name = GROUPS[entry["group"]] if "group" in entry else ""
        if name:
            groups[name].append(_line(entry, short.get(entry["hexcode"], [])))
    return groups


def _line(entry: dict[str, Any], short: str | list[str]) -> str:
    emoji = sequences()[bare(entry["emoji"])]
    words = list(dict.fromkeys([*([short] if isinstance(short, str) else short), *entry.get("tags", [])]))
    return f"[{_text(emoji)}, {_text(entry['label'])}, {_text(' '.join(words))}, {_tones(emoji, entry)}]"


def _page_emoji() -> list[str]:
    return [json.loads(line)[0] for lines in _groups().values() for line in lines]


def _names_of(emoji: str, language: str) -> str:
    """Returns the name, and after a bar the other words by which the emoji is found."""
    known = _annotations(language)[bare(emoji)]
    name: str = " ".join(known["tts"][0].split())
    before = _words(name)
    keywords = [word for phrase in known.get("default", []) for word in _words(phrase) if word not in before]
    return "|".join([name, *([" ".join(dict.fromkeys(keywords))] if keywords else [])])


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", unicodedata.normalize("NFC", text).lower())


@cache
def _annotations(language: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for package, key in (
        ("cldr-annotations-derived-full", "annotationsDerived"),
        ("cldr-annotations-full", "annotations"),
    ):
        read = json.loads((node_tools() / package / key / language / "annotations.json").read_text())
        found |= read[key]["annotations"]
    return found


def _tones(emoji: str, entry: dict[str, Any]) -> int:
    """Returns how the emoji takes a skin tone, such that all five results are emoji."""
    skins = {bare(skin["emoji"]) for skin in entry.get("skins", [])}
    known = sequences()
    for where in (2, 1) if JOINER in emoji else (1,):
        made = [bare(toned(emoji, tone, where)) for tone in TONES]
        if skins.issuperset(made) and all(known[one] == toned(emoji, TONES[n], where) for n, one in enumerate(made)):
            return where
    return 0


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    SERVER.write_text(server_list(), encoding="utf-8")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page_module(), encoding="utf-8")
    NAMES.mkdir(exist_ok=True)
    for other in OTHERS:
        (NAMES / f"emoji-{other}.js").write_text(names_module(other), encoding="utf-8")
    LICENSE.write_text(licenses(), encoding="utf-8")
