"""Two shards over one Postgres, for tests of drains that work side by side."""

from __future__ import annotations

import time

from sqlalchemy import Engine

from app.core.part import Part
from app.store.engine import autocommit
from tests.factories.store import add_pair
from tests.integration.drain.log_and_store import LogAndStore

PARTS = Part(0, 2), Part(1, 2)


def pair_of(log: LogAndStore) -> tuple[int, int, int]:
    """Returns a conversation of this shard, hydrated, and its two members."""
    while True:
        conversation, ann, ben = add_pair(log.engine)
        if log.part.has(conversation):
            log.hydrate(conversation)
            return conversation, ann, ben


def wait_for_lock(engine: Engine) -> None:
    """Returns when a transaction of this database waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(3000):
        with autocommit(engine) as conn:
            if conn.exec_driver_sql(waiting).first():
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")
