"""File names for display, without path parts, hidden endings, and characters that are invisible or break a header."""

from __future__ import annotations

import re

from app.core.clip import clipped
from app.core.names import one_line, shown

# Characters that file systems refuse, and names of Windows' devices.
_REFUSED = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?:[ .]|$)", re.IGNORECASE
)
MAX_CHARACTERS = 120
MAX_BYTES = 240  # file systems allow 255, and browsers add a number to a name that exists
_MAX_ENDING = 16


def clean_filename(given: str | None) -> str | None:
    """Returns the last part of a path, with its ending at most 120 characters and 240 bytes; None if nothing is
    left.
    """
    last = re.split(r"[/\\]", given or "")[-1]
    name = _REFUSED.sub("_", one_line(last)).strip(". ")
    if _DEVICE.match(name):
        name = f"_{name}"
    return _short(name) or None


def _short(name: str) -> str:
    if _fits(name):
        return name
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if stem and len(ending) <= _MAX_ENDING else ""
    if not ending:
        stem = name
    stem = clipped(stem, MAX_CHARACTERS - len(ending))
    while not _fits(stem + ending):
        stem = clipped(stem, len(stem) - 1)
    # A cut may leave a joiner at the end, which then joins nothing.
    return shown(stem).rstrip(". ") + ending


def _fits(name: str) -> bool:
    return len(name) <= MAX_CHARACTERS and len(name.encode()) <= MAX_BYTES
