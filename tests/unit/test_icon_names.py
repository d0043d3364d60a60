"""Every icon that a module names is drawn somewhere: those of the widget in the shared ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from app.web.assets import CLIENT, STATIC

PAGE = STATIC / "page"
NAMED = re.compile(r"""\b(?:icon|iconButton|empty|line)\((?:[^"(),]*\? )?"(\w+)"(?: : "(\w+)")?|\bicon: "(\w+)\"""")
DRAWN = re.compile(r'^  (\w+): ["\[]', re.MULTILINE)


def named(folders: Iterable[Path]) -> set[str]:
    texts = [path.read_text() for folder in folders for path in folder.rglob("*.js")]
    return {name for text in texts for match in NAMED.findall(text) for name in match if name}


def test_named_icons_are_drawn() -> None:
    shared = set(DRAWN.findall((CLIENT / "ui" / "icons.js").read_text()))
    own = set(DRAWN.findall((PAGE / "lib" / "icons.js").read_text()))
    widget = named([CLIENT / "ui", CLIENT / "widget"])
    assert {"chat", "down", "edit", "warn"} <= widget
    assert widget <= shared
    assert named([PAGE]) <= shared | own
    assert not shared & own
