"""Reads the usual opening handshake of a WebSocket: all of it has arrived, and nothing in it is unusual.

Pure. It accepts a small part of HTTP/1.1, so strictly that there is only one way to read it. Whatever it does not
accept is left to the server's own parser, which decides what is refused and how. So a head that is accepted here must
be one that the server's parser accepts as well, with the same meaning.
"""

from __future__ import annotations

import re

Found = tuple[dict[str, str], int]  # the fields, with names in lower case, and the number of bytes of the head

MAX_HEAD_BYTES = 8192
MAX_FIELDS = 64
_START = b"GET /ws HTTP/1.1\r\n"  # without a query: a ticket is left to the server's parser
_END = b"\r\n\r\n"

# Names without an underscore, because servers disagree about its meaning; values of printable ASCII.
_FIELDS = re.compile(r"(?:[A-Za-z0-9-]{1,64}: [\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\r\n){1,64}")
_FIELD = re.compile(r"([A-Za-z0-9-]+): ([^\r]+)")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?")

# They begin a body, change how the request or its scheme is read, or ask for another protocol.
_UNUSUAL = frozenset(
    {
        "content-length",
        "content-type",
        "expect",
        "http2-settings",
        "te",
        "trailer",
        "transfer-encoding",
        "x-forwarded-protocol",
        "x-forwarded-ssl",
    }
)


def read_plain_handshake(data: bytes) -> Found | None:
    """Returns None if the head is not complete or not plain. Frames may follow it."""
    end = data.find(_END)
    head = data[len(_START) : end + 2]
    if not data.startswith(_START) or end < 0 or not head.isascii():
        return None
    text = head.decode("ascii")
    if _FIELDS.fullmatch(text) is None:
        return None
    found = _FIELD.findall(text)
    fields = {name.lower(): value for name, value in found}
    usual = len(fields) == len(found) and fields.keys().isdisjoint(_UNUSUAL)
    if not usual or fields.get("upgrade", "").lower() != "websocket" or not _HOST.fullmatch(fields.get("host", "")):
        return None
    return fields, end + len(_END)
