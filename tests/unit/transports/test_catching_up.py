"""A session whose subscription broke reads what it missed, unless a look-up found that it missed nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from app.core.errors import Overloaded, ParleyError
from app.core.events import Event, EventBatch
from app.transports.event_flow import EventFlow


class Flow(EventFlow):
    """The store has the events up to 3. ``asked`` has the look-ups that are not answered yet."""

    def __init__(self) -> None:
        replay = SimpleNamespace(changes_since=self._changes_since, news_since=self._news_since)
        check = lambda asked, outcome: self.asked.append((asked, outcome))  # noqa: E731
        streams: Any = SimpleNamespace(
            replay=replay, run_replay=lambda act: act(), max_backlog=1, check_missed=check, brings_news=True
        )
        super().__init__(streams)
        self.user_id, self.position, self.joined = 7, 2, True
        self.asked: list[tuple[tuple[int, int], Callable[[bool | None, ParleyError | None], None]]] = []
        self.reads: list[str] = []
        self.seen: list[int] = []

    def _changes_since(self, _user_id: int, begin: int, _since: int, _plan: object) -> tuple[list[Event], bool]:
        self.reads.append("changes")
        return [event(at) for at in (1, 2, 3) if at > begin], False

    def _news_since(self, _user_id: int, _version: int) -> list[Event]:
        self.reads.append("news")
        return []

    def write(self, event: Event | EventBatch) -> None:
        self.seen.append(event.version)

    def backlog(self) -> int:
        return 0


def event(version: int) -> Event:
    return Event("changed", b"{}", version=version, cursor="")


def test_session_that_missed_nothing_reads_nothing() -> None:
    flow = Flow()
    flow.resume_from_store()
    [(asked, outcome)] = flow.asked
    assert asked == (7, 2)
    flow.offer(event(4))
    assert flow.seen == []
    outcome(False, None)
    flow.offer(event(5))
    assert (flow.seen, flow.reads) == ([4, 5], [])


@pytest.mark.parametrize("answer", [(True, None), (None, Overloaded())], ids=["missed", "no answer"])
def test_session_that_may_have_missed_something_reads_it(answer: tuple[bool | None, ParleyError | None]) -> None:
    flow = Flow()
    flow.resume_from_store()
    flow.offer(event(4))
    flow.asked[0][1](*answer)
    assert (flow.seen, flow.reads) == ([3, 4], ["news", "changes"])


def test_events_that_were_dropped_during_the_look_up_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.transports.event_flow.BUFFER_EVENTS", 1)
    flow = Flow()
    flow.resume_from_store()
    for version in (3, 4):
        flow.offer(event(version))
    flow.asked[0][1](False, None)
    assert (flow.seen, flow.reads) == ([3], ["changes"])


def test_session_that_ended_during_the_look_up_reads_nothing() -> None:
    flow = Flow()
    flow.resume_from_store()
    flow.closed = True
    flow.asked[0][1](True, None)
    assert (flow.seen, flow.reads) == ([], [])
