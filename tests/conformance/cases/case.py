"""One case: what a client sends, and what a server must make of it."""

from __future__ import annotations

from dataclasses import dataclass

Event = tuple[int, bytes]


@dataclass(frozen=True)
class Case:
    """``events`` come before ``failure``, a close code, which must be known after ``known_after`` bytes.

    Not one byte later, as the stream may never go on; and not earlier, as the bytes before it were good.
    """

    id: str
    title: str
    stream: bytes
    events: tuple[Event, ...]
    failure: int | None
    known_after: int
    read: int  # bytes that arrive at a time; 0: all at once


def case(
    id: str,
    title: str,
    *parts: bytes,
    events: list[Event] | None = None,
    failure: int | None = None,
    known: int | None = None,
    read: int = 0,
) -> Case:
    """``known`` counts into the last of ``parts``, up to its first wrong byte; the whole part by default."""
    stream = b"".join(parts)
    last = len(parts[-1])
    after = len(stream) - last + (last if known is None else known)
    return Case(id, title, stream, tuple(events or ()), failure, after, read)
