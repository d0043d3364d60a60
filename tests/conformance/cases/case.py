"""One case: the bytes that a client sends, and the result that a server must reach."""

from __future__ import annotations

from dataclasses import dataclass

Event = tuple[int, bytes]


@dataclass(frozen=True)
class Case:
    """``events`` precede ``failure``, a close code, which the decoder must report after ``known_after`` bytes: not one
    byte later, because the stream may never continue, and not earlier, because the bytes before it were valid.
    """

    id: str
    title: str
    stream: bytes
    events: tuple[Event, ...]
    failure: int | None
    known_after: int
    read: int  # bytes per read; 0: all at once


def case(
    id: str,
    title: str,
    *parts: bytes,
    events: list[Event] | None = None,
    failure: int | None = None,
    known: int | None = None,
    read: int = 0,
) -> Case:
    """``known`` counts into the last of ``parts``, up to its first wrong byte. By default it is the whole part."""
    stream = b"".join(parts)
    last = len(parts[-1])
    after = len(stream) - last + (last if known is None else known)
    return Case(id, title, stream, tuple(events or ()), failure, after, read)
