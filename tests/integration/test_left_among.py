"""``left_among`` finds the conversations that a user has left, even if Postgres does not have that yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Engine, text

from app.config import Settings
from app.message_log import tails
from app.message_log.shards import Shards
from app.message_log.tails import MembershipChange, Tail
from app.services.reading.memberships import left_among
from app.store.engine import create_engine, writing
from tests.factories.store import add_direct, add_users

LEAVE = text("UPDATE members SET left_seq = 3, left_version = 5 WHERE conversation_id = :c AND user_id = :u")


@pytest.fixture
def store(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()


def test_stored_and_unstored_leavings_are_found(
    store: Engine, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, *others = add_users(store, 4)
    stays, stored, unstored = (add_direct(store, ann, other) for other in others)
    with writing(store) as conn:
        conn.execute(LEAVE, {"c": stored, "u": ann})
    leaving = MembershipChange(7, unstored, 4, [], [ann])

    def left(*changes: MembershipChange) -> set[int]:
        tail = Tail(records=[], version=9, memberships=list(changes), is_empty=False, epoch=1)
        monkeypatch.setattr(tails, "read_tail", lambda *_: tail)
        return left_among(ann, [stays, stored, unstored], engine=store, shards=Shards([redis_client]))

    assert left() == {stored}
    assert left(leaving) == {stored, unstored}
    assert left(leaving, MembershipChange(8, unstored, 5, [ann], [])) == {stored}
    assert left(MembershipChange(8, stored, 5, [ann], [])) == set()
    assert left(MembershipChange(8, stays, 5, [], [others[0]])) == {stored}
