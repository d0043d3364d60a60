"""Delivered marks that the log could not take: kept, and tried again until it does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from app.core.errors import Overloaded, ParleyError
from app.message_log.append import Decided, Decision

RETRY_SECONDS = 1.0
# If more marks wait, the oldest are forgotten: the member's next delivery moves past them.
MAX_KEPT = 100_000
AT_ONCE = 2_000  # a small part of the queue to the log, so that messages still fit into it

Retry = Callable[[int, int, int], None]
CallLater = Callable[[float, Callable[[], None]], object]

_TEMPORARY = (Decided.FULL, Decided.UNKNOWN)


def is_temporary(decision: Decision | None, error: ParleyError | None) -> bool:
    """Returns whether the same operation can succeed later."""
    return isinstance(error, Overloaded) or (error is None and decision is not None and decision[0] in _TEMPORARY)


class MarkRetries:
    """Keeps the greatest seq of each member and conversation. Not thread-safe; never blocks."""

    def __init__(self, *, retry: Retry, call_later: CallLater) -> None:
        self._retry = retry
        self._call_later = call_later
        self._marks: dict[tuple[int, int], int] = {}
        self._timer: object = None  # a timer ends with its last reference

    def add(self, user_id: int, conversation_id: int, seq: int) -> None:
        key = user_id, conversation_id
        if key not in self._marks and len(self._marks) >= MAX_KEPT:
            del self._marks[next(iter(self._marks))]
        self._marks[key] = max(seq, self._marks.get(key, 0))
        self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self._call_later(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._timer = None
        marks = {key: self._marks.pop(key) for key in list(islice(self._marks, AT_ONCE))}
        for (user_id, conversation_id), seq in marks.items():
            self._retry(user_id, conversation_id, seq)
        if self._marks:
            self._start_timer()
