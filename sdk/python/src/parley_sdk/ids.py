"""Ids of messages."""

from __future__ import annotations

import os
import time
import uuid

from parley_sdk.calls import Unset


def chosen_or_new(id: str | Unset) -> str:
    """Returns the id that the caller has chosen, or a new one."""
    return new_message_id() if isinstance(id, Unset) else id


def new_message_id() -> str:
    """Returns a new UUID of version 7: it contains the time, so Parley can tell that it is new without a lookup."""
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0b11 << 62) | 0b10 << 62
    return str(uuid.UUID(int=number))
