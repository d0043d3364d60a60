"""Mentions in a text: ``@username``, and the words that address a group. The page and the client use the same grammar
(client/lib/mentions.js), and both pass the vectors of tests/vectors/mentions.json.

* ``@`` may also be full-width or small, and so may the letters of the name. Case makes no difference.
* Any character may come before ``@`` except a letter from a to z or a digit: after these, the ``@`` is part of an
  e-mail address.
* Addresses contain no mentions (app/core/links.py), and ``@name@example.org`` is an address too.
* A name may end in ``.``, ``_`` or ``-``, but these marks may also belong to the sentence. Two or more of them in a row
  may also begin the rest of the sentence (``@bob--ok``). So a mention has several possible names. It means the longest
  one that somebody has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.core.links import find_addresses

# Words that address all members, and all members who are online.
ALL = "all"
ONLINE = frozenset({"here", "online"})

MAX_NAME = 32
MIN_NAME = 3
_AT = "@\uff20\ufe6b"
_NAME = r"A-Za-z0-9_.\-\uff21-\uff3a\uff41-\uff5a\uff10-\uff19\uff3f\uff0e\uff0d"
_MENTION = re.compile(rf"(?<![A-Za-z0-9{_AT}])[{_AT}]([{_NAME}]+)(?![{_NAME}]|[{_AT}][A-Za-z0-9-]{{1,63}}\.[A-Za-z])")
_MARKS = "._-"
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}


def may_mention(text: str) -> bool:
    """Returns whether the text has an ``@`` at all."""
    return "@" in text or "\uff20" in text or "\ufe6b" in text


def find_mentions(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yields (start, end, names) of each possible mention. The names are in lower case, the longest first. A name with
    n characters is made of the first n characters after the ``@``. Takes time proportional to the text.
    """
    addresses = [(address.start, address.end) for address in find_addresses(text)]
    at = 0
    for match in _MENTION.finditer(text):
        while at < len(addresses) and addresses[at][1] <= match.start():
            at += 1
        inside = at < len(addresses) and addresses[at][0] <= match.start()
        if not inside and (names := _names(match[1].translate(_FULL_WIDTH).lower())):
            yield match.start(), match.end(), names


def _names(run: str) -> list[str]:
    """Returns the names that may be meant, the longest first."""
    return [run[:length] for length in range(min(len(run), MAX_NAME), MIN_NAME - 1, -1) if _may_end(run, length)]


def _may_end(run: str, length: int) -> bool:
    """Returns whether a name may end here: at the end, before the last marks, or next to two marks in a row."""
    if length == len(run) or not run[length:].strip(_MARKS):
        return True
    if run[length] not in _MARKS:
        return False
    return run[length - 1] in _MARKS or run[length + 1] in _MARKS
