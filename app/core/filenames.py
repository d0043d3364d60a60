"""Names of files as people see them, without what could lead elsewhere, hide its ending or break a header."""

from __future__ import annotations

import re

# What turns the direction of the text, joins invisibly, or is half a character; and what file systems refuse.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]"
)
_REFUSED = re.compile(r'[<>:"|?*]')
MOST = 120


def clean_filename(given: str | None) -> str | None:
    """The last part of a path, at most 120 characters with its ending; None where nothing is left of it."""
    last = re.split(r"[/\\]", given or "")[-1]
    name = _REFUSED.sub("_", " ".join(_INVISIBLE.sub("", last).split())).strip(". ")
    if len(name) > MOST:
        stem, dot, ending = name.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 16 else ""
        name = name[: MOST - len(ending)].rstrip(". ") + ending
    return name or None
