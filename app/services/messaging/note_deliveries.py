"""What was written to sockets becomes delivered marks: gathered for a moment, then logged, one mark a member."""

from __future__ import annotations

from typing import Any

from gevent import get_hub

from app.services.messaging.message_path import MessagePath
from app.services.messaging.move_mark import note_delivered

# Long enough that a burst becomes one mark, short enough that the sender sees "delivered" as immediate. With many
# conversations in motion the marks wait longer, so that they stay a small part of what the gateway does.
GATHER_SECONDS, MAX_GATHER_SECONDS = 0.1, 2.0
MARKS_PER_SECOND = 250


class Deliveries:
    """Delivered marks of one gateway. The log keeps only those that move forward."""

    def __init__(self, path: MessagePath) -> None:
        self._path = path
        self._marks: dict[tuple[int, int], int] = {}
        self._timer: Any = None
        self._gather = GATHER_SECONDS

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
        self._timer = get_hub().loop.timer(self._gather)
        self._timer.start(self._send)

    def _send(self) -> None:
        marks, self._marks = self._marks, {}
        self._gather = min(max(len(marks) / MARKS_PER_SECOND, GATHER_SECONDS), MAX_GATHER_SECONDS)
        for (user_id, conversation_id), seq in marks.items():
            note_delivered(self._path, user_id, conversation_id, seq)
