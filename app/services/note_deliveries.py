"""What was written to sockets becomes delivered marks: gathered for a moment, then logged, one mark a member."""

from __future__ import annotations

from typing import Any

from gevent import get_hub

from app.core.errors import ParleyError
from app.core.records import Kind
from app.services.message_path import MessagePath
from app.services.move_mark import move_mark

# Long enough that a burst becomes one mark, short enough that the sender sees "delivered" as immediate.
GATHER_SECONDS = 0.1


class Deliveries:
    """Delivered marks of one gateway. The log keeps only those that move forward."""

    def __init__(self, path: MessagePath) -> None:
        self._path = path
        self._marks: dict[tuple[int, int], int] = {}
        self._timer: Any = None

    def note(self, user_id: int, seqs: dict[int, int]) -> None:
        """``seqs``: conversation -> the greatest seq that left for the user. Never blocks."""
        marks = self._marks
        if not marks:
            self._start()
        for conversation_id, seq in seqs.items():
            key = (user_id, conversation_id)
            if seq > marks.get(key, 0):
                marks[key] = seq

    def _start(self) -> None:
        if self._timer is None:
            self._timer = get_hub().loop.timer(GATHER_SECONDS)
        self._timer.start(self._send)

    def _send(self) -> None:
        self._timer.stop()
        marks, self._marks = self._marks, {}
        for (user_id, conversation_id), seq in marks.items():
            move_mark(self._path, Kind.DELIVERED, user_id, conversation_id, seq, self._done)

    def _done(self, _answer: Any, error: ParleyError | None) -> None:
        """A mark that was refused is not lost for good: the next delivery, or fetch_unread, moves past it."""
        if error is not None:
            self._path.counters["delivered_marks_refused"] += 1
