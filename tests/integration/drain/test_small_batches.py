"""After a small batch, the drain lets records gather for a moment and stores them together."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from app.services.drain import store_log
from app.services.drain.store_log import GATHER_SECONDS, LONE_GATHER_SECONDS, SMALL_BATCH
from tests.factories.store import add_group, add_users
from tests.integration.drain.log_and_store import LogAndStore


class Steps:
    """A drain whose pauses take no time. In each pause, the next messages arrive; it ends after the last."""

    def __init__(self, log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = log
        self.ann, ben = add_users(log.engine, 2)
        self.group = add_group(log.engine, [self.ann, ben])
        log.hydrate(self.group)
        self.pauses: list[float] = []
        self.sizes: list[int] = []
        self._arriving: list[int] = []
        self._drain = log.drain(stopping=self._note_batch)
        monkeypatch.setattr(store_log, "time", SimpleNamespace(monotonic=time.monotonic, sleep=self._pause))
        monkeypatch.setattr(store_log, "BLOCK_MS", 1)

    def run(self, *arriving: int) -> None:
        """``arriving``: the number of messages before the first read, in the first pause, in the second one, …"""
        self._arriving = list(arriving)
        self._arrive()
        self._drain.run()

    def _note_batch(self) -> bool:
        """Called before each read. The drain ends by itself when a read finds nothing."""
        stored = self._drain.stats.records - sum(self.sizes)
        self.sizes += [stored] if stored else []
        return False

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._arrive()

    def _arrive(self) -> None:
        if self._arriving:
            self.log.send(self.group, self.ann, *map(str, range(self._arriving.pop(0))))


@pytest.fixture
def steps(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(log, monkeypatch)


def test_messages_that_come_within_the_pause_are_stored_together(steps: Steps) -> None:
    steps.run(2, 3, 5)
    assert steps.sizes == [2, 3, 5]
    assert len(steps.pauses) == 3
    assert all(0 <= pause <= GATHER_SECONDS for pause in steps.pauses)


def test_pause_after_a_single_message_is_shorter(steps: Steps) -> None:
    steps.run(1, 1)
    assert steps.sizes == [1, 1]
    assert all(0 <= pause <= LONE_GATHER_SECONDS for pause in steps.pauses)


def test_no_pause_follows_a_batch_that_is_large_enough(steps: Steps) -> None:
    steps.run(SMALL_BATCH)
    assert (steps.sizes, steps.pauses) == ([SMALL_BATCH], [])


def test_no_pause_follows_a_read_that_found_nothing(steps: Steps) -> None:
    steps.run(0)
    assert (steps.sizes, steps.pauses) == ([], [])
