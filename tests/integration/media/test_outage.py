"""The storage is away for longer than a test could wait: between two tries the time is moved on in Postgres."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.contract.expect import eventually
from tests.support.cloudinary import FakeCloudinary
from tests.support.media_person import LONG, Do, Person, Until
from tests.support.processes import Stack

# Every pause is at most a minute, and a sweep comes every few seconds.
MAX_PAUSE = 60.0


class Outage:
    """The tries of one medium while the storage is away."""

    def __init__(self, engine: Engine, sql: Do, ask: Callable[..., object], media_id: str) -> None:
        self._engine = engine
        self._sql = sql
        self._ask = ask
        self._id = media_id
        self._failures = 0

    def refused_once_more(self) -> float:
        """Wait until another try has failed; the pause before the next one, in seconds."""
        return float(eventually(self._put_back, "a try that failed", LONG))

    def _put_back(self) -> float | None:
        query = text("SELECT failures, state, date_part('epoch', lease_until - now()) FROM media WHERE id = :i")
        with self._engine.connect() as conn:
            failures, state, pause = conn.execute(query, {"i": self._id}).one()
        assert state == "processing"
        if failures == self._failures or pause is None or pause <= 0:
            return None
        self._failures = failures
        return float(pause)

    def pass_time(self, *, age: str | None = None) -> None:
        """Let the pause be over; ``age``: and so much have passed since the upload."""
        if age is not None:
            self._sql(f"UPDATE media SET created_at = now() - interval '{age}' WHERE id = :i", i=self._id)
        self._sql("UPDATE media SET lease_until = now(), sweep_at = now() WHERE id = :i", i=self._id)
        self._ask("tasks.process_media.process", self._id)


@pytest.fixture
def begin_outage(engine: Engine, sql: Do, ask: Callable[..., object]) -> Callable[[str], Outage]:
    return lambda media_id: Outage(engine, sql, ask, media_id)


def test_an_upload_outlasts_minutes_without_its_storage_and_a_worker_that_died_meanwhile(
    ann: Person, server: Stack, cloudinary: FakeCloudinary, until: Until, begin_outage: Callable[[str], Outage]
) -> None:
    cloudinary.down = True
    media_id, message_id = ann.share()
    outage = begin_outage(media_id)
    pauses: list[float] = []
    while sum(pauses) < 150:
        pauses.append(outage.refused_once_more())
        if len(pauses) == 3:
            server.kill_worker(0)
            server.start_worker(0)
        outage.pass_time()
    assert max(pauses) <= MAX_PAUSE
    assert len(pauses) < 20, f"it asks again and again: {pauses}"
    assert ann.status(message_id) == "processing"
    outage.refused_once_more()
    cloudinary.down = False
    outage.pass_time()
    until(lambda: ann.status(message_id) == "ready", "the picture")
    assert len(cloudinary.of(media_id)) == 2


def test_it_is_given_up_after_six_hours_and_not_before(
    ann: Person, cloudinary: FakeCloudinary, begin_outage: Callable[[str], Outage]
) -> None:
    cloudinary.down = True
    media_id, message_id = ann.share()
    outage = begin_outage(media_id)
    outage.refused_once_more()
    outage.pass_time(age="5 hours 58 minutes")
    assert outage.refused_once_more() <= MAX_PAUSE
    outage.pass_time(age="6 hours 1 minute")
    assert ann.session.next_event("media_failed", LONG).data["code"] == "unavailable"
    assert ann.status(message_id) == "failed"
