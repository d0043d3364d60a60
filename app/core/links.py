"""Addresses in a text: which ones become links. The page and the client use the same grammar (client/lib/links.js), and
both pass the vectors of tests/vectors/links.json.

* A link begins with ``http://`` or ``https://`` and ends before white space, before quotation marks and punctuation of
  other scripts (full-width ones too), and before a bracket that was not opened inside it. An apostrophe may be inside.
* Punctuation at its end belongs to the sentence.
* An address with a user name (``https://bank.example@evil.example``) could only deceive, so it is no link.
* Other addresses, such as ``ftp://…`` and ``example.org/…``, are no links, but they contain no mentions and no markup.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# An address ends before these: control characters, white space and invisible characters, quotation marks, dashes and
# ellipses, and punctuation of other scripts. ’ is missing, because it is also an apostrophe, and so is ・ (U+30FB),
# because Japanese names contain it.
ENDS = (
    '\x00-\x20"<>`\x7f-\xa0\xab\xbb\u0589\u060c\u061b-\u061f\u06d4\u0964\u0965\u104a\u104b\u1361-\u1368\u1680\u17d4-\u17d6'
    "\u2000-\u200b\u200e\u200f\u2014\u2015\u2018\u201a-\u201f\u2025\u2026\u2028-\u202f\u2039\u203a\u205f-\u206f"
    "\u3000-\u3003\u3008-\u3011\u3014-\u301f\ufe10-\ufe1f\ufe30-\ufe6f\ufeff\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff64"
    "\ufff0-\uffff"
)
_BEGINS = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{0,31}://|[Ww]{3}\.|"
    r"[A-Za-z0-9-]{1,63}\.[A-Za-z]{2,24}(?::[0-9]{1,5})?/)"
)
_STOP = re.compile(f"[{ENDS}()\\[\\]{{}}]")
_OPENS = {")": "(", "]": "[", "}": "{"}
_TRAILING = ".,:;!?'*_~|\\^([{\u2019\xb7\u30fb"
_LABEL = r"[A-Za-z0-9_\u00a1-\U0010ffff-]{1,63}"
_LINK = re.compile(
    rf"https?://(?:\[[0-9A-Fa-f:.]{{2,45}}\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::[0-9]{{1,5}})?(?:[/?#]|\Z)", re.IGNORECASE
)


class Address(NamedTuple):
    """``text[start:end]`` is the address. ``stop`` is where it would end if its last punctuation belonged to it."""

    start: int
    end: int
    stop: int
    is_link: bool


def find_addresses(text: str) -> list[Address]:
    """Returns the addresses in their order. Takes time proportional to the text."""
    found = []
    begin = _BEGINS.search(text)
    while begin is not None:
        address = _address(text, begin.start())
        found.append(address)
        begin = _BEGINS.search(text, max(address.stop, begin.end()))
    return found


def has_link(text: str) -> bool:
    return "://" in text and any(address.is_link for address in find_addresses(text))


def _address(text: str, start: int) -> Address:
    stop = _stop(text, start)
    end = start + len(text[start:stop].rstrip(_TRAILING))
    return Address(start, end, stop, _LINK.match(text[start:end]) is not None)


def _stop(text: str, start: int) -> int:
    """Returns the index of the first character of ``ENDS``, or of the first bracket that closes one from before
    ``start``. Reads no further, because the next address may begin there.
    """
    depth = dict.fromkeys(_OPENS.values(), 0)
    for match in _STOP.finditer(text, start):
        sign = match[0]
        if sign in depth:
            depth[sign] += 1
        elif depth.get(_OPENS.get(sign, "")):
            depth[_OPENS[sign]] -= 1
        else:
            return match.start()
    return len(text)
