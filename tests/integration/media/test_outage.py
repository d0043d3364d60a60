"""Outages of the storage longer than a test could wait: between attempts the test moves the times in Postgres."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.contract.expect import eventually
from tests.support.cloudinary import FakeCloudinary
from tests.support.media_person import LONG, Do, Person, Until
from tests.support.processes import Stack

# Every pause is at most a minute, and a sweep runs every few seconds.
MAX_PAUSE = 60.0


class Outage:
    """The attempts for one medium during an outage of the storage."""

    def __init__(self, engine: Engine, sql: Do, run_task: Callable[..., object], media_id: str) -> None:
        self._engine = engine
        self._sql = sql
        self._run_task = run_task
        self._id = media_id
        self._failures = 0

    def next_pause(self) -> float:
        """Waits until another attempt has failed and returns the pause before the next one, in seconds."""
        return float(eventually(self._pause_after_failure, "a failed attempt", LONG))

    def _pause_after_failure(self) -> float | None:
        query = text("SELECT failures, state, date_part('epoch', lease_until - now()) FROM media WHERE id = :i")
        with self._engine.connect() as conn:
            failures, state, pause = conn.execute(query, {"i": self._id}).one()
        assert state == "processing"
        if failures == self._failures or pause is None or pause <= 0:
            return None
        self._failures = failures
        return float(pause)

    def pass_time(self, *, age: str | None = None) -> None:
        """Ends the pause and runs the task. ``age`` also moves the time of the upload that far back."""
        if age is not None:
            self._sql(f"UPDATE media SET created_at = now() - interval '{age}' WHERE id = :i", i=self._id)
        self._sql("UPDATE media SET lease_until = now(), sweep_at = now() WHERE id = :i", i=self._id)
        self._run_task("tasks.process_media.process", self._id)


@pytest.fixture
def begin_outage(engine: Engine, sql: Do, run_task: Callable[..., object]) -> Callable[[str], Outage]:
    return lambda media_id: Outage(engine, sql, run_task, media_id)


def test_upload_survives_a_long_outage_and_the_death_of_a_worker(
    ann: Person, server: Stack, cloudinary: FakeCloudinary, until: Until, begin_outage: Callable[[str], Outage]
) -> None:
    cloudinary.down = True
    media_id, message_id = ann.share()
    outage = begin_outage(media_id)
    pauses: list[float] = []
    while sum(pauses) < 150:
        pauses.append(outage.next_pause())
        if len(pauses) == 3:
            server.kill_worker(0)
            server.start_worker(0)
        outage.pass_time()
    assert max(pauses) <= MAX_PAUSE
    assert len(pauses) < 20, f"too many attempts: {pauses}"
    assert ann.status(message_id) == "processing"
    outage.next_pause()
    cloudinary.down = False
    outage.pass_time()
    until(lambda: ann.status(message_id) == "ready", "the picture")
    assert len(cloudinary.of(media_id)) == 2


def test_upload_fails_after_six_hours_and_not_before(
    ann: Person, cloudinary: FakeCloudinary, begin_outage: Callable[[str], Outage]
) -> None:
    cloudinary.down = True
    media_id, message_id = ann.share()
    outage = begin_outage(media_id)
    outage.next_pause()
    outage.pass_time(age="5 hours 58 minutes")
    assert outage.next_pause() <= MAX_PAUSE
    outage.pass_time(age="6 hours 1 minute")
    assert ann.session.next_event("media_failed", LONG).data["code"] == "unavailable"
    assert ann.status(message_id) == "failed"
