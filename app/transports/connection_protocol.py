"""The common parts of all kinds of connections: the owner, the bounds, and the reasons to pause."""

from __future__ import annotations

from enum import IntFlag
from typing import Protocol


class PauseReason(IntFlag):
    """Why a session takes no commands, or a connection does not read. It goes on when every reason is gone."""

    COMMANDS_WAIT = 1  # too many commands wait behind one that blocks
    UNANSWERED = 2  # too many commands have no answer yet
    READS_SPENT = 4  # as many reads as a second allows
    FRAMES_HELD = 8  # too many frames wait for the end of the session's pause (held_frames.py)


class Owner(Protocol):
    """Gets the data that the connection reads, and its changes of state."""

    def received(self, data: bytes) -> None: ...
    def drained(self) -> None: ...
    def overflowed(self) -> None: ...
    def on_closed(self) -> None: ...


class Limits:
    """The bounds of an outbox. All connections of a process share one object."""

    __slots__ = ("blocks", "bytes", "stall_seconds")

    def __init__(self, blocks: int, bytes_: int, stall_seconds: float) -> None:
        self.blocks = blocks
        self.bytes = bytes_
        self.stall_seconds = stall_seconds
