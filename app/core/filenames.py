"""File names for display, without path parts, hidden endings and characters that do not show or break a header."""

from __future__ import annotations

import re

from app.core.names import one_line, shown

# Characters that file systems refuse.
_REFUSED = re.compile(r'[<>:"|?*]')
MAX_CHARACTERS = 120


def clean_filename(given: str | None) -> str | None:
    """Returns the last part of a path, at most 120 characters with its ending; None if nothing is left."""
    last = re.split(r"[/\\]", given or "")[-1]
    name = _REFUSED.sub("_", one_line(last)).strip(". ")
    if len(name) > MAX_CHARACTERS:
        stem, dot, ending = name.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 16 else ""
        # A cut may leave a joiner at the end, which then joins nothing.
        name = shown(name[: MAX_CHARACTERS - len(ending)]).rstrip(". ") + ending
    return name or None
