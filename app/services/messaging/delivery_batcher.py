"""Turns messages that were written to sockets into delivered marks: collected for a moment, one mark per member."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Long enough that a burst becomes one mark, short enough that the sender sees "delivered" immediately. If many
# conversations are active, marks wait longer, so that they stay a small part of the gateway's work.
COLLECT_SECONDS, MAX_COLLECT_SECONDS = 0.1, 2.0
MARKS_PER_SECOND = 250

CallLater = Callable[[float, Callable[[], None]], object]
# Called with a conversation, and with the greatest seq that was written to each of its users.
MarkDelivered = Callable[[int, dict[int, int]], None]


class DeliveryBatcher:
    """Collects the delivered marks of one gateway. The log keeps only those that move forward."""

    def __init__(self, *, mark_delivered: MarkDelivered, call_later: CallLater) -> None:
        self._mark_delivered = mark_delivered
        self._call_later = call_later
        self._marks: dict[int, dict[int, int]] = {}  # conversation -> user -> seq
        self._timer: object = None  # a timer ends with its last reference
        self._collect_seconds = COLLECT_SECONDS

    def add(self, user_id: int, seqs: dict[int, int]) -> None:
        """``seqs`` maps a conversation to the greatest seq that was written to the user. Never blocks."""
        marks = self._marks
        if not marks:
            self._start()
        for conversation_id, seq in seqs.items():
            users = marks.get(conversation_id)
            if users is None:
                marks[conversation_id] = {user_id: seq}
            elif seq > users.get(user_id, 0):
                users[user_id] = seq

    def add_all(self, conversation_id: int, seq: int, user_ids: Sequence[int], *, sender_id: int) -> None:
        """Notes that the message was written to all of these users. The sender's own sessions do not count. Never
        blocks.
        """
        users = self._marks.get(conversation_id, {})
        moved = {user_id: seq for user_id in user_ids if seq > users.get(user_id, 0) and user_id != sender_id}
        if moved:
            if not self._marks:
                self._start()
            self._marks[conversation_id] = users | moved

    def _start(self) -> None:
        self._timer = self._call_later(self._collect_seconds, self._send)

    def _send(self) -> None:
        marks, self._marks = self._marks, {}
        count = sum(map(len, marks.values()))
        self._collect_seconds = min(max(count / MARKS_PER_SECOND, COLLECT_SECONDS), MAX_COLLECT_SECONDS)
        for conversation_id, users in marks.items():
            self._mark_delivered(conversation_id, users)
