"""A delivered mark that the log did not take is tried again until it does."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import NotFound, Overloaded, ParleyError
from app.core.kinds import Kind
from app.message_log.append import Decided, Operation
from app.message_log.confirmations import Confirmations
from app.services.messaging import mark_retries
from app.services.messaging.mark_retries import MarkRetries
from app.services.messaging.move_mark import MarkMover
from app.services.messaging.receipt_batcher import ReceiptBatcher
from tests.twins.memory_gateway import Timers

ANN, HERE, THERE = 1, 11, 12


class Log:
    """Answers each operation with ``answer`` at once. Takes the place of LogWriter and of its queue."""

    def __init__(self) -> None:
        self.answer: tuple[Any, ParleyError | None] = ((Decided.DONE, 0, 1, 0), None)
        self.taken: list[Operation] = []

    def append(self, operation: Operation, decided: Any) -> None:
        decision, error = self.answer
        if error is None and decision[0] == Decided.DONE:
            self.taken.append(operation)
        decided(decision, error)

    submit = append

    def withdraw(self, _wanted: Any) -> list[Any]:
        return []


def make() -> tuple[MarkMover, Log, Timers, ReceiptBatcher]:
    log, timers, confirmations = Log(), Timers(), Confirmations()
    receipts = ReceiptBatcher(changes=log, confirmations=confirmations, call_later=timers.call_later)
    others: Any = {"engine": None, "members": None, "rate": None}
    queue: Any = log
    marks = MarkMover(log=queue, receipts=receipts, confirmations=confirmations, call_later=timers.call_later, **others)
    return marks, log, timers, receipts


REFUSALS: list[tuple[Any, ParleyError | None]] = [
    (None, Overloaded()),
    ((Decided.FULL, 0, 0, 0), None),
    ((Decided.UNKNOWN, 0, 0, 0), None),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["no-answer", "full", "cold"])
def test_mark_is_tried_until_it_is_in_the_log(refusal: tuple[Any, ParleyError | None]) -> None:
    marks, log, timers, _ = make()
    done, log.answer = log.answer, refusal
    marks.mark_delivered(ANN, HERE, 5)
    for _ in range(20):
        timers.fire()
    assert not log.taken
    log.answer = done
    timers.fire()
    assert [(o.kind, o.conversation_id, o.user_id, o.what) for o in log.taken] == [(Kind.DELIVERED, HERE, ANN, 5)]
    assert not timers.pending


def test_only_the_greatest_seq_is_tried_again() -> None:
    marks, log, timers, _ = make()
    done, log.answer = log.answer, (None, Overloaded())
    for seq in (3, 7, 5):
        marks.mark_delivered(ANN, HERE, seq)
    log.answer = done
    timers.fire()
    assert [o.what for o in log.taken] == [7]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["no-answer", "full", "cold"])
def test_mark_of_a_large_conversation_is_tried_again(refusal: tuple[Any, ParleyError | None]) -> None:
    marks, log, timers, receipts = make()
    receipts.mark_large(HERE)
    done, log.answer = log.answer, refusal
    marks.mark_delivered(ANN, HERE, 5)
    for _ in range(20):
        timers.fire()
    assert not log.taken
    log.answer = done
    for _ in range(3):
        timers.fire()
    (taken,) = log.taken
    assert taken.what in (5, [int(Kind.DELIVERED), ANN, 5])
    assert not timers.pending


def test_mark_of_a_former_member_is_not_tried_again() -> None:
    marks, log, timers, _ = make()
    log.answer = (None, NotFound())
    marks.mark_delivered(ANN, HERE, 5)
    assert not timers.pending


def test_kept_marks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_retries, "MAX_KEPT", 3)
    timers, tried = Timers(), []
    retries = MarkRetries(retry=lambda *mark: tried.append(mark), call_later=timers.call_later)
    for user in range(5):
        retries.add(user, THERE, 1)
    timers.fire()
    assert tried == [(2, THERE, 1), (3, THERE, 1), (4, THERE, 1)]


def test_many_kept_marks_leave_room_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_retries, "AT_ONCE", 2)
    timers, tried = Timers(), []
    retries = MarkRetries(retry=lambda *mark: tried.append(mark), call_later=timers.call_later)
    for user in range(5):
        retries.add(user, THERE, 1)
    counts = []
    while timers.pending:
        timers.fire()
        counts.append(len(tried))
    assert counts == [2, 4, 5]
