"""Every operation gets exactly one outcome, in the order of submission, even if its batch fails."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent.event import Event
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.core.errors import Internal, NotFound, Overloaded, ParleyError
from app.redis_batch import Batcher
from app.redis_calls import EpochLostError
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE

OK, REDIS_DOWN, EPOCH_LOST, REFUSED, BROKEN = "ok", "redis down", "epoch lost", "refused", "broken"
RETRIED = (REDIS_DOWN, EPOCH_LOST)


class Script:
    """Plays one answer per call; then every call succeeds. Operations that divide by 7 are refused one by one."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = iter(answers)
        self.batches: list[list[int]] = []
        self.played: list[str] = []

    def __call__(self, batch: list[int]) -> list[Any]:
        answer = next(self.answers, OK)
        self.batches.append(batch)
        self.played.append(answer)
        gevent.sleep(0)  # a round trip, during which more operations arrive
        if answer != OK:
            raise {
                REDIS_DOWN: ConnectionError(),
                EPOCH_LOST: EpochLostError(),
                REFUSED: Overloaded(),
                BROKEN: ValueError("a bug"),
            }[answer]
        return [NotFound() if number % 7 == 0 else number * 2 for number in batch]


class Outcomes:
    def __init__(self, expected: int) -> None:
        self.all: list[tuple[int, Any, ParleyError | None]] = []
        self._expected = expected
        self._complete = Event()

    def of(self, number: int) -> Callable[[Any, ParleyError | None], None]:
        def outcome(result: Any, error: ParleyError | None) -> None:
            self.all.append((number, result, error))
            if len(self.all) == self._expected:
                self._complete.set()

        return outcome

    def wait(self) -> None:
        assert self._complete.wait(PATIENCE), f"only {len(self.all)} of {self._expected} outcomes"


@contextmanager
def running(script: Any, **options: Any) -> Any:
    batcher = Batcher("test", script, recover=options.pop("recover", lambda: None), **options)
    batcher.start()
    try:
        yield batcher
    finally:
        batcher.stop()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, but other greenlets run first."""
    real = gevent.sleep
    monkeypatch.setattr(gevent, "sleep", lambda _seconds=0: real(0))


ANSWERS = st.lists(st.sampled_from([OK, OK, *RETRIED, REFUSED, BROKEN]), max_size=8)


@given(groups=st.lists(st.integers(1, 12), max_size=6), answers=ANSWERS, max_batch=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_batcher_neither_loses_nor_duplicates_an_outcome(groups: list[int], answers: list[str], max_batch: int) -> None:
    play(groups, answers, max_batch)


@in_own_hub
def play(groups: list[int], answers: list[str], max_batch: int) -> None:
    script, outcomes, numbers = Script(answers), Outcomes(sum(groups)), itertools.count(1)
    recovered: list[int] = []
    with running(script, max_batch=max_batch, recover=lambda: recovered.append(1)) as batcher:
        for group in groups:
            for _ in range(group):
                batcher.submit(number := next(numbers), outcomes.of(number))
            gevent.sleep(0)
        if groups:
            outcomes.wait()
        gevent.sleep(0)
    assert [number for number, _, _ in outcomes.all] == list(range(1, sum(groups) + 1))
    assert len(recovered) == script.played.count(EPOCH_LOST)
    check_batches(script, outcomes, max_batch)


def check_batches(script: Script, outcomes: Outcomes, max_batch: int) -> None:
    """A batch is repeated unchanged until it gets an answer, which then decides about all of its operations."""
    found = {number: (result, error) for number, result, error in outcomes.all}
    pairs = list(zip(script.batches, script.played, strict=True))
    for (batch, answer), (following, _) in itertools.pairwise(pairs):
        assert (following == batch) == (answer in RETRIED)
    for batch, answer in pairs:
        assert 1 <= len(batch) <= max_batch
        for number in batch if answer not in RETRIED else ():
            check_outcome(number, answer, *found[number])


def check_outcome(number: int, answer: str, result: Any, error: ParleyError | None) -> None:
    if answer == OK and number % 7:
        assert (result, error) == (number * 2, None)
    else:
        assert result is None
        assert isinstance(error, {OK: NotFound, REFUSED: Overloaded, BROKEN: Internal}[answer])


@in_own_hub
def test_operation_alone_leaves_at_once_and_later_ones_share_a_batch() -> None:
    script, outcomes = Script([]), Outcomes(5)
    with running(script) as batcher:
        batcher.submit(1, outcomes.of(1))
        gevent.sleep(0)
        for number in (2, 3, 4, 5):
            batcher.submit(number, outcomes.of(number))
        outcomes.wait()
    assert script.batches == [[1], [2, 3, 4, 5]]


@in_own_hub
def test_impatient_operations_get_overloaded_while_redis_is_down() -> None:
    script, outcomes = Script([REDIS_DOWN]), Outcomes(3)
    with running(script, patience=-1.0, max_batch=2) as batcher:
        for number in (1, 2, 3):
            batcher.submit(number, outcomes.of(number))
        outcomes.wait()
    assert [(number, type(error)) for number, _, error in outcomes.all] == [(n, Overloaded) for n in (1, 2, 3)]
    assert script.batches == [[1, 2]]


@in_own_hub
def test_operations_get_overloaded_in_time_though_the_call_with_them_hangs() -> None:
    """A frozen Redis ends no call before its time-out, and operations may be late long before that."""
    answered, outcomes, late = Event(), Outcomes(4), []

    def hangs_once(batch: list[int]) -> list[int]:
        answered.wait(PATIENCE)
        return [number * 2 for number in batch]

    with running(hangs_once, patience=0.2, max_batch=2) as batcher:
        for number in (1, 2, 3):
            batcher.submit(number, outcomes.of(number))
        while len(outcomes.all) < 3:
            gevent.sleep(0)
        late += outcomes.all
        batcher.submit(4, outcomes.of(4))
        answered.set()
        outcomes.wait()
    assert [(number, type(error)) for number, _, error in late] == [(n, Overloaded) for n in (1, 2, 3)]
    assert outcomes.all[3:] == [(4, 8, None)], "and the late answer of the first call settles nothing twice"


def test_full_queue_refuses_at_once() -> None:
    outcomes = Outcomes(3)
    never_started = Batcher("test", Script([]), recover=lambda: None, bound=2)
    for number in (1, 2, 3):
        never_started.submit(number, outcomes.of(number))
    assert [(number, type(error)) for number, _, error in outcomes.all] == [(3, Overloaded)]
    assert len(never_started) == 2


def test_withdrawn_operations_come_back_in_order_and_the_others_stay() -> None:
    outcomes = Outcomes(0)
    never_started = Batcher("test", Script([]), recover=lambda: None)
    handlers = {number: outcomes.of(number) for number in range(1, 7)}
    for number, outcome in handlers.items():
        never_started.submit(number, outcome)
    assert never_started.withdraw(lambda number: number % 2 == 0) == [(n, handlers[n]) for n in (2, 4, 6)]
    assert never_started.withdraw(lambda _: True) == [(n, handlers[n]) for n in (1, 3, 5)]


@in_own_hub
def test_handler_that_fails_does_not_take_the_other_outcomes_along() -> None:
    outcomes = Outcomes(2)

    def failing(_result: Any, _error: ParleyError | None) -> None:
        raise ValueError

    with running(Script([])) as batcher:
        batcher.submit(1, outcomes.of(1))
        batcher.submit(2, failing)
        batcher.submit(3, outcomes.of(3))
        outcomes.wait()
    assert [number for number, _, _ in outcomes.all] == [1, 3]


@in_own_hub
def test_batcher_calls_after_batch_once_per_answered_batch() -> None:
    script, outcomes, after = Script([REDIS_DOWN]), Outcomes(2), []
    with running(script, after_batch=lambda: after.append(len(outcomes.all))) as batcher:
        batcher.submit(1, outcomes.of(1))
        batcher.submit(2, outcomes.of(2))
        outcomes.wait()
        gevent.sleep(0)
    assert after == [2], "after its outcomes"


@in_own_hub
def test_blocking_call_returns_the_result_or_raises_the_error() -> None:
    with running(Script([])) as batcher:
        assert batcher.run(2) == 4
        with pytest.raises(NotFound):
            batcher.run(7)


@in_own_hub
def test_caller_that_waits_too_long_gets_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.redis_batch.RUN_SECONDS", 0.01)
    never_started = Batcher("test", lambda items: items, recover=lambda: None)
    with pytest.raises(Overloaded):
        never_started.run("anything")
