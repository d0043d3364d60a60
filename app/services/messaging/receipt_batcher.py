"""Batches the marks of large conversations: each gateway sends one receipt batch per conversation and second, no
matter how many members read at once.

A conversation counts as large once the log has said so (more members than LARGE in message_log/lua/log.lua).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from app.core.errors import Overloaded, ParleyError
from app.core.kinds import Kind
from app.message_log.append import Decided, Decision, Operation
from app.message_log.confirmations import ConfirmationsOf
from app.services.messaging.log_writer import OperationQueue
from app.services.messaging.mark_retries import is_temporary

EVERY_SECONDS = 1.0
# Delivered marks that nobody waits for. Senders in a large group see them a little later, too.
UNAWAITED_SECONDS = 3.0
MAX_KNOWN = 100_000
MAX_IN_ONE = 2000

Confirmed = Callable[[int, ParleyError | None], None]
Outcome = Callable[[Decision, ParleyError | None], None]
Marks = dict[int, int]  # user -> seq


class Timer(Protocol):
    def stop(self) -> object: ...


CallLater = Callable[[float, Callable[[], None]], Timer]


class ReceiptBatcher:
    """Not thread-safe; never blocks. ``call_later(seconds, act)`` starts a timer."""

    def __init__(self, *, changes: OperationQueue, confirmations: ConfirmationsOf, call_later: CallLater) -> None:
        self._changes = changes
        self._confirmations = confirmations
        self._call_later = call_later
        self._large: set[int] = set()
        self._marks: dict[tuple[Kind, int], Marks] = {}
        self._waiting: dict[tuple[Kind, int], list[Confirmed]] = {}
        self._timer: Timer | None = None
        self._due = 0.0
        self._sent = 0.0
        self._refused: Callable[[int, int, int], None] = lambda _user, _conversation, _seq: None

    def on_refused(self, refused: Callable[[int, int, int], None]) -> None:
        """Calls ``refused(user, conversation, seq)`` for each delivered mark that the log could not take now."""
        self._refused = refused

    def is_large(self, conversation_id: int) -> bool:
        return conversation_id in self._large

    def mark_large(self, conversation_id: int) -> None:
        if len(self._large) >= MAX_KNOWN:
            self._large.clear()
        self._large.add(conversation_id)

    def add(self, kind: Kind, conversation_id: int, user_id: int, seq: int, confirmed: Confirmed | None = None) -> None:
        """Calls ``confirmed`` once the mark is stored, with the last seq of the conversation (0 with an error)."""
        awaited = confirmed is not None or kind == Kind.READ
        self._send_after(EVERY_SECONDS if awaited else UNAWAITED_SECONDS)
        key = kind, conversation_id
        marks = self._marks.setdefault(key, {})
        marks[user_id] = max(seq, marks.get(user_id, 0))
        if confirmed is not None:
            self._waiting.setdefault(key, []).append(confirmed)

    def add_delivered(self, conversation_id: int, seqs: Marks) -> None:
        """Adds delivered marks of many users that nobody waits for."""
        self._send_after(UNAWAITED_SECONDS)
        marks = self._marks.setdefault((Kind.DELIVERED, conversation_id), {})
        for user_id, seq in seqs.items():
            if seq > marks.get(user_id, 0):
                marks[user_id] = seq

    def _send_after(self, seconds: float) -> None:
        """Sends the marks this long after the last batch, or sooner if a timer is set for an earlier time."""
        now = time.monotonic()
        due = max(now + 0.05, self._sent + seconds)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.stop()
        self._due = due
        self._timer = self._call_later(due - now, self._send)

    def _send(self) -> None:
        self._timer = None
        self._sent = time.monotonic()
        marks, self._marks = self._marks, {}
        waiting, self._waiting = self._waiting, {}
        for key, moved in marks.items():
            self._submit(key, list(moved.items()), waiting.get(key, []))

    def _submit(self, key: tuple[Kind, int], moved: list[tuple[int, int]], waiting: list[Confirmed]) -> None:
        kind, conversation_id = key
        for first in range(0, len(moved), MAX_IN_ONE):
            part = moved[first : first + MAX_IN_ONE]
            flat = [number for pair in part for number in pair]
            last = first + MAX_IN_ONE >= len(moved)
            operation = Operation(Kind.RECEIPT_BATCH, conversation_id, 0, [int(kind), *flat])
            decided = self._decided(conversation_id, waiting if last else [])
            self._changes.submit(operation, self._keeping(kind, conversation_id, part, decided))

    def _keeping(self, kind: Kind, conversation_id: int, marks: list[tuple[int, int]], decided: Outcome) -> Outcome:
        """Nobody repeats a delivered mark, but clients repeat a read mark that was answered with an error."""

        def keep_refused(decision: Decision, error: ParleyError | None) -> None:
            decided(decision, error)
            if kind == Kind.DELIVERED and is_temporary(decision, error):
                for user_id, seq in marks:
                    self._refused(user_id, conversation_id, seq)

        return keep_refused

    def _decided(self, conversation_id: int, waiting: list[Confirmed]) -> Outcome:
        def confirm_all(last_seq: int, error: ParleyError | None) -> None:
            for confirmed in waiting:
                confirmed(last_seq, error)

        def decided(decision: Decision, error: ParleyError | None) -> None:
            if error is not None:
                confirm_all(0, error)
                return
            what, last_seq, version, _ = decision
            if what in (Decided.DONE, Decided.UNCHANGED_PENDING):
                if waiting:
                    self._confirmations.of(conversation_id).expect(version, partial(confirm_all, last_seq))
            elif what == Decided.UNCHANGED:
                confirm_all(last_seq, None)
            else:
                if what == Decided.UNKNOWN:
                    self._large.discard(conversation_id)  # idle for a day: its marks are no longer batched
                confirm_all(0, Overloaded(retry_after=0.1))

        return decided
