"""The epoch that this process works in."""

from __future__ import annotations

from app.message_log.epoch import Epoch


class CurrentEpoch:
    """Holds the number and the start of the epoch. ``number`` is 0 until Redis has answered for the first time."""

    __slots__ = ("_dedupe_ms", "number", "started_ms")

    def __init__(self, dedupe_seconds: int) -> None:
        self.number = 0
        self.started_ms = 0
        # Dedupe marks live this long. The last tenth is not relied on.
        self._dedupe_ms = dedupe_seconds * 900

    def adopt(self, epoch: Epoch) -> None:
        self.number, self.started_ms = epoch

    def dedupe_complete_since_ms(self, now_ms: int) -> int:
        """Returns the time since which no dedupe mark can have been lost."""
        return max(self.started_ms, now_ms - self._dedupe_ms)
