"""Message ids: UUIDs that the sending client chooses; version 7 (RFC 9562 section 5.7) has the time of creation."""

from __future__ import annotations

import os
import re

UUID_TEXT = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
# ``$`` would also match before a newline at the end, and Postgres refuses such an id.
UUID_PATTERN = rf"^{UUID_TEXT}\Z"

UUID = re.compile(UUID_PATTERN)

# A client's clock may be ahead by this much; the time in an id from further ahead is not trusted.
CLOCK_AHEAD_MS = 5 * 60 * 1000


def make_uuid7(now_ms: int) -> str:
    raw = int.from_bytes(os.urandom(10), "big")
    value = (now_ms & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | (raw >> 68) << 64 | 0b10 << 62 | raw & 0x3FFFFFFFFFFFFFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7_ms(uuid: str) -> int | None:
    """Returns the time in a version 7 id, in ms since 1970; None for any other version."""
    return int(uuid[:8] + uuid[9:13], 16) if uuid[14] == "7" else None


def surely_new(uuid: str, *, now_ms: int, marks_since_ms: int) -> bool:
    """Returns whether an earlier send of this id would still have its dedupe mark in Redis.

    ``marks_since_ms`` is the time since which no mark was lost (the later of the epoch's start and now minus the marks'
    lifetime). If the result is False, the caller must look the id up in Postgres before it treats it as new.
    """
    made = uuid7_ms(uuid)
    return made is not None and marks_since_ms + CLOCK_AHEAD_MS < made < now_ms + CLOCK_AHEAD_MS
