"""The queue of push notifications in Postgres passes the tests that its in-memory twin passes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from app.store import push_deliveries, push_targets
from app.store.engine import reading, writing
from app.store.push_targets import NewTarget
from tests.factories.store import add_users
from tests.twins.push_queue_contract import PushQueueContract

INSERT = text("""
    INSERT INTO push_deliveries (target_id, user_id, conversation_id, seq, kind, provider, host, due_at)
    VALUES (:target, :user, :conversation, :seq, 'message', :provider, :host, now()) RETURNING id
""")


class StoredPushWorld:
    """Users are numbered from 1 by the tests; Postgres has users of its own for them."""

    functions = push_deliveries

    def __init__(self, engine: Engine, conn: Connection) -> None:
        self.conn = conn
        self._engine = engine
        self._users = add_users(engine, 9)

    def add(self, provider: str, user: int, conversation: int, seq: int, host: str = "host") -> int:
        new = NewTarget(self._users[user], str(uuid.uuid4()), "android", "fcm", uuid.uuid4().hex)
        with writing(self._engine) as conn:
            target = push_targets.register(conn, new)
            place = {"conversation": conversation, "seq": seq, "provider": provider, "host": host}
            return int(conn.execute(INSERT, {"target": target, "user": new.user_id, **place}).scalar_one())

    def raise_seq(self, id_: int, seq: int) -> None:
        with writing(self._engine) as conn:
            conn.execute(text("UPDATE push_deliveries SET seq = :seq WHERE id = :id"), {"id": id_, "seq": seq})

    def states(self) -> dict[int, tuple[str, str]]:
        with reading(self._engine) as conn:
            rows = conn.execute(text("SELECT id, state, coalesce(reason, '') FROM push_deliveries"))
            return {id_: (state, reason) for id_, state, reason in rows}


class TestPushQueue(PushQueueContract):
    @pytest.fixture
    def world(self, bounded: Engine) -> Iterator[StoredPushWorld]:
        with writing(bounded) as conn:
            conn.execute(text("TRUNCATE push_owed, push_deliveries, push_shown, push_targets"))
        with reading(bounded) as conn:
            yield StoredPushWorld(bounded, conn)
