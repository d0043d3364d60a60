"""Callers that wait for Postgres get their answer even if the drain's notice was lost."""

from __future__ import annotations

import pytest
import redis

from app.core.errors import Internal, ParleyError
from app.message_log import confirmations, keys
from app.message_log.confirmations import Confirmations
from app.message_log.shards import Shard

EPOCH = 3


@pytest.fixture
def answers(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> dict[int, ParleyError | None]:
    """Three sends wait (versions 1, 2 and 3). The log is stored up to 2, and 1 became a dead letter."""
    return reconciled(redis_client, monkeypatch, epoch=EPOCH)


def reconciled(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, epoch: int) -> dict[int, ParleyError | None]:
    monkeypatch.setattr(confirmations, "RECONCILE_AFTER_SECONDS", -1.0)
    redis_client.set(keys.FIRST.epoch, f"{EPOCH}:0")
    redis_client.hset(keys.FIRST.log_state, "stored", 2)
    redis_client.set(keys.FIRST.refused(1), "no message body", ex=60)
    waits, found = Confirmations(), {}
    for version in (1, 2, 3):
        waits.expect(version, lambda error, v=version: found.__setitem__(v, error))
    waits.reconcile(Shard(redis_client), epoch, Internal)
    return found


def test_stored_record_is_acked(answers: dict[int, ParleyError | None]) -> None:
    assert answers[2] is None


def test_dead_letter_is_refused_even_if_a_later_record_is_stored(answers: dict[int, ParleyError | None]) -> None:
    assert isinstance(answers[1], Internal)


def test_record_that_is_not_stored_keeps_waiting(answers: dict[int, ParleyError | None]) -> None:
    assert 3 not in answers


def test_send_of_a_lost_epoch_is_not_acked_in_the_next(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reconciled(redis_client, monkeypatch, epoch=EPOCH - 1) == {}
