"""File names for display, without path parts, hidden endings and characters that break a header."""

from __future__ import annotations

import re

# Characters that change the direction of the text, join invisibly or are half a character.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]"
)
# Characters that file systems refuse.
_REFUSED = re.compile(r'[<>:"|?*]')
MAX_CHARACTERS = 120


def clean_filename(given: str | None) -> str | None:
    """Returns the last part of a path, at most 120 characters with its ending; None if nothing is left."""
    last = re.split(r"[/\\]", given or "")[-1]
    name = _REFUSED.sub("_", " ".join(_INVISIBLE.sub("", last).split())).strip(". ")
    if len(name) > MAX_CHARACTERS:
        stem, dot, ending = name.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 16 else ""
        name = name[: MAX_CHARACTERS - len(ending)].rstrip(". ") + ending
    return name or None
