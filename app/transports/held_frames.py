"""The frames that a paused session has read. Commands wait here, so that the pings behind them are answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from app.transports.connection_protocol import PauseReason

# Beyond this, nothing more is read: the sender feels back-pressure. One read of the socket may come on top.
HELD_BYTES = 128 * 1024
FRAME_COST = 100  # bytes of memory that a frame takes besides its payload

Take = Callable[[int, bytes], None]


class HeldFrames:
    """Exists as long as there is a reason to pause, or a frame waits."""

    __slots__ = ("_frames", "_releasing", "_size", "reasons")

    def __init__(self) -> None:
        self._frames: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._releasing = False
        self.reasons = PauseReason(0)

    @property
    def is_full(self) -> bool:
        return self._size >= HELD_BYTES

    @property
    def is_over(self) -> bool:
        """No reason to pause is left, and no frame waits."""
        return not (self.reasons or self._frames or self._releasing)

    def add(self, opcode: int, payload: bytes) -> None:
        self._frames.append((opcode, payload))
        self._size += len(payload) + FRAME_COST

    def release(self, take: Take) -> None:
        """Passes the frames on, in order, until one of them gives a new reason to pause. A frame that is passed on may
        end the pause that it began, so calls may be nested; the inner one does nothing.
        """
        if self._releasing:
            return
        self._releasing = True
        try:
            while self._frames and not self.reasons:
                opcode, payload = self._frames.popleft()
                self._size -= len(payload) + FRAME_COST
                take(opcode, payload)
        finally:
            self._releasing = False
