"""A lane sends every due notification once, keeps its limits, and stores each outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from app.clock import now_ms
from app.core.errors import Overloaded
from app.core.push_rules import OLD_MS
from app.push.lanes import LaneOptions
from app.push.provider import SENT, Outcome
from app.services.push import send_push
from app.services.push.push_providers import MadeProvider
from app.services.push.send_push import Lane
from dev.processes import wait_until
from tests.support.patience import PATIENCE
from tests.twins.memory_provider import MemoryProvider
from tests.twins.memory_push_queue import MemoryPushQueue, facts
from tests.twins.memory_store import MemoryEngine

OPTIONS = LaneOptions(threads=4, batch=2, per_host=4)
DOWN = Outcome("retry", "503", 0.0)
GONE, REFUSED = Outcome("gone", "410"), Outcome("refused", "400")


class Running:
    def __init__(self, queue: MemoryPushQueue, options: LaneOptions) -> None:
        self.queue = queue
        self.provider = MemoryProvider()
        self.engine: Any = MemoryEngine()
        self.counted: Counter[str] = Counter()
        self.stopping = False
        self.lane = Lane(
            self.engine,
            MadeProvider("fcm", self.provider, options),
            preview="full",
            spacing_seconds=0.0,
            stopping=lambda: self.stopping,
            counted=self.counted,
        )

    def answer(self, id_: int, *outcomes: Outcome) -> None:
        self.provider.answers[f"address {id_}"] = list(outcomes)

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Wakes the lane until it is ready: postponed notifications are due at once in these tests."""

        def woken() -> bool:
            self.lane.wake()
            return ready()

        wait_until(woken, PATIENCE, what)

    def wait_until_ended(self) -> None:
        self.wait(lambda: "pending" not in [state for state, _ in self.queue.states().values()], "all outcomes")


@pytest.fixture(autouse=True)
def only_expected_faults(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A lane logs every fault and goes on, so a test could pass although each step fails."""
    yield
    faults = [record for record in caplog.get_records("call") if record.exc_info]
    assert len(faults) == (request.function is test_fault_of_the_lane_is_logged_and_it_goes_on)


@contextmanager
def running(fill: Callable[[MemoryPushQueue], None], options: LaneOptions = OPTIONS) -> Iterator[Running]:
    queue = MemoryPushQueue()
    with pytest.MonkeyPatch.context() as patch:
        queue.replace(patch)
        patch.setattr(send_push, "POLL_SECONDS", 0.01)
        patch.setattr(send_push, "GATHER_SECONDS", 0.0)
        fill(queue)
        made = Running(queue, options)
        try:
            yield made
        finally:
            made.stopping = True
            made.provider.gate.set()
            made.lane.join(PATIENCE)


def fill_with(count: int, hosts: int = 1) -> Callable[[MemoryPushQueue], None]:
    def fill(queue: MemoryPushQueue) -> None:
        for number in range(count):
            queue.add("fcm", number, 7, 1, f"host {number % hosts}")

    return fill


ENDS = {"sent": SENT, "gone": GONE, "refused": REFUSED}


@given(
    plans=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(sorted(ENDS))), max_size=12), hosts=st.integers(1, 3)
)
@settings(max_examples=25, deadline=None)
def test_every_notification_ends_with_the_outcome_of_its_provider(plans: list[tuple[int, str]], hosts: int) -> None:
    """``plans`` has the number of retries of each notification, and its final outcome."""
    with running(fill_with(len(plans), hosts)) as run:
        for id_, (retries, end) in enumerate(plans, 1):
            run.answer(id_, *[DOWN] * retries, ENDS[end])
        run.lane.start()
        run.wait_until_ended()
        assert {id_: state for id_, (state, _) in run.queue.states().items()} == {
            id_: end for id_, (_, end) in enumerate(plans, 1)
        }
        assert sorted(target for target, _ in run.provider.received) == [
            id_ for id_, (_, end) in enumerate(plans, 1) if end == "sent"
        ]
        assert run.counted["fcm:retry"] == sum(retries for retries, _ in plans)
        for end in ENDS:
            assert run.counted[f"fcm:{end}"] == [what for _, what in plans].count(end)
        assert sorted(run.queue.noted) == list(range(1, len(plans) + 1))
        assert run.provider.most_at_once <= OPTIONS.threads * OPTIONS.batch


def test_hanging_host_does_not_hold_up_the_others() -> None:
    def fill(queue: MemoryPushQueue) -> None:
        for number in range(20):
            queue.add("fcm", number, 7, 1, "hanging")
        for number in range(20, 25):
            queue.add("fcm", number, 7, 1, "fine")

    with running(fill, LaneOptions(threads=8, batch=1, per_host=4)) as run:
        run.provider.gate.clear()
        run.lane.start()
        run.wait(lambda: run.provider.most_at_once == 8, "the places of both hosts to be taken")
        states = [row.attempts for row in run.queue.rows.values()]
        assert (sum(states[:20]), sum(states[20:])) == (4, 4)
        run.provider.gate.set()
        run.wait_until_ended()


def test_host_that_asks_for_a_pause_is_spared() -> None:
    with running(fill_with(6), LaneOptions(threads=1, batch=1, per_host=10)) as run:
        for id_ in range(1, 7):
            run.answer(id_, Outcome("retry", "429", 60.0, whole_host=True))
        run.lane.start()
        run.wait(lambda: run.counted["fcm:retry"] >= 1, "the first refusal")
        attempts = sum(row.attempts for row in run.queue.rows.values())
        for _ in range(5):
            run.wait(lambda: run.lane.idle, "the lane to be idle")
        assert sum(row.attempts for row in run.queue.rows.values()) == attempts
        assert run.provider.received == []


def test_newer_message_is_sent_after_the_one_that_was_on_its_way() -> None:
    with running(fill_with(1)) as run:
        run.provider.gate.clear()
        run.lane.start()
        run.wait(lambda: run.provider.most_at_once == 1, "the first notification")
        run.queue.raise_seq(1, 2)
        run.provider.gate.set()
        run.wait_until_ended()
        assert [payload["seq"] for _, payload in run.provider.received] == [1, 2]


def test_edit_replaces_the_text_on_the_device_once_and_silently() -> None:
    with running(fill_with(1)) as run:
        run.lane.start()
        run.wait_until_ended()
        for edited_ms in (5000, 6000, 6000):
            run.queue.edits[7] = edited_ms
            run.queue.correct(1)
            run.wait_until_ended()
        assert [(p["seq"], p.get("silent")) for _, p in run.provider.received] == [(1, None), (1, True), (1, True)]
        assert run.queue.states() == {1: ("dropped", "shown")}


def test_message_before_a_deleted_one_is_shown_silently() -> None:
    with running(fill_with(1)) as run:
        run.queue.raise_seq(1, 2)
        run.lane.start()
        run.wait_until_ended()
        run.queue.newest[7] = 1
        run.queue.correct(1)
        run.wait_until_ended()
        assert [(p["seq"], p.get("silent")) for _, p in run.provider.received] == [(2, None), (1, True)]
        assert run.queue.shown == {(1, 7): 1}


def test_correction_of_a_notification_that_is_gone_is_dropped() -> None:
    with running(fill_with(1)) as run:
        run.lane.start()
        run.wait_until_ended()
        run.queue.shown[1, 7] = 0
        run.queue.correct(1)
        run.wait_until_ended()
        assert run.queue.states() == {1: ("dropped", "nothing shown")}


def test_newer_message_that_comes_with_a_correction_makes_a_sound() -> None:
    with running(fill_with(1)) as run:
        run.lane.start()
        run.wait_until_ended()
        run.queue.raise_seq(1, 2)
        run.queue.correct(1)
        run.wait_until_ended()
        assert [(p["seq"], p.get("silent")) for _, p in run.provider.received] == [(1, None), (2, None)]


def test_edit_that_names_somebody_is_kept_for_as_long_as_a_new_message(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = MemoryPushQueue()
    queue.replace(monkeypatch)
    queue.add("fcm", 1, 7, 1)
    named = structs.replace(facts(1, 7, 1, edited_ms=now_ms()), sent_ms=now_ms() - OLD_MS, named=1)
    monkeypatch.setattr(send_push, "load_facts", lambda *_: {(1, 7): named})
    engine: Any = MemoryEngine()
    [(_, outgoing, _)] = send_push.compose(engine, queue.claim(None, "fcm", 1), preview="full").ready
    assert outgoing.ttl_seconds > OLD_MS / 1000 / 2


def test_needless_notifications_are_dropped_without_being_sent() -> None:
    def fill(queue: MemoryPushQueue) -> None:
        read, shown, lost = (queue.add("fcm", user, user, 1) for user in (1, 2, 3))
        queue.newest[read] = 0
        queue.shown[shown, 2] = 1
        queue.targets.discard(lost)

    with running(fill) as run:
        run.lane.start()
        run.wait_until_ended()
        assert run.queue.states() == {
            1: ("dropped", "nothing unread"),
            2: ("dropped", "shown"),
            3: ("dropped", "no target"),
        }
        assert run.provider.received == []


def test_outcomes_that_arrive_together_are_stored_together() -> None:
    with running(fill_with(8), LaneOptions(threads=4, batch=2, per_host=100)) as run:
        run.provider.gate.clear()
        run.lane.start()
        run.wait(lambda: run.provider.most_at_once == 8, "all to be in flight")
        run.engine.down = True  # the lane is at its limit: it stores nothing and claims nothing
        run.provider.gate.set()
        wait_until(lambda: len(run.provider.received) == 8, PATIENCE, "all answers")
        run.engine.down = False
        run.wait_until_ended()
        assert sum(run.queue.ended_at_once) == 8


def test_outcomes_survive_a_short_outage_of_postgres() -> None:
    with running(fill_with(3)) as run:
        attempts: list[int] = []

        def refuse_twice() -> None:
            if run.provider.received and len(attempts) < 2:
                attempts.append(1)
                raise Overloaded

        run.engine.on_connect = refuse_twice
        run.lane.start()
        run.wait_until_ended()
        assert len(attempts) == 2
        assert sorted(target for target, _ in run.provider.received) == [1, 2, 3]


def test_stopping_lane_starts_nothing_and_waits_for_what_is_in_flight() -> None:
    with running(fill_with(10), LaneOptions(threads=2, batch=1, per_host=10)) as run:
        run.provider.gate.clear()
        run.lane.start()
        run.wait(lambda: run.provider.most_at_once == 2, "two in flight")
        run.stopping = True
        run.lane.wake()
        run.provider.gate.set()
        run.lane.join(PATIENCE)
        states = [state for state, _ in run.queue.states().values()]
        assert (states.count("sent"), states.count("pending")) == (2, 8)


def test_fault_of_the_lane_is_logged_and_it_goes_on(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    with running(fill_with(1)) as run:
        faults = iter([ValueError("a bug")])

        def fail_once() -> None:
            fault = next(faults, None)
            if fault is not None:
                raise fault

        run.engine.on_connect = fail_once
        run.lane.start()
        run.wait_until_ended()
    assert "push lane fcm failed" in caplog.text
