"""Whoever waits for Postgres finds out, also where the notice of the drain was lost."""

from __future__ import annotations

import pytest
import redis

from app.core.errors import Internal, ParleyError
from app.message_log import confirmations, keys
from app.message_log.confirmations import Confirmations

EPOCH = 3


@pytest.fixture
def answers(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> dict[int, ParleyError | None]:
    """Three sends wait (versions 1, 2 and 3); the log is stored up to 2, and 1 was set aside."""
    return reconciled(redis_client, monkeypatch, epoch=EPOCH)


def reconciled(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, epoch: int) -> dict[int, ParleyError | None]:
    monkeypatch.setattr(confirmations, "RECONCILE_AFTER_SECONDS", -1.0)
    redis_client.set(keys.EPOCH, f"{EPOCH}:0")
    redis_client.hset(keys.LOG_STATE, "stored", 2)
    redis_client.set(keys.refused(1), "no message body", ex=60)
    waits, found = Confirmations(), {}
    for version in (1, 2, 3):
        waits.expect(version, lambda error, v=version: found.__setitem__(v, error))
    waits.reconcile(redis_client, epoch, Internal)
    return found


def test_what_is_stored_is_acked(answers: dict[int, ParleyError | None]) -> None:
    assert answers[2] is None


def test_what_was_set_aside_is_not_acked_because_a_later_one_is_stored(answers: dict[int, ParleyError | None]) -> None:
    assert isinstance(answers[1], Internal)


def test_what_is_not_stored_goes_on_waiting(answers: dict[int, ParleyError | None]) -> None:
    assert 3 not in answers


def test_what_was_waited_for_in_a_lost_epoch_is_not_acked_by_the_next(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reconciled(redis_client, monkeypatch, epoch=EPOCH - 1) == {}
