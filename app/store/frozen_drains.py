"""Ends transactions of drains that froze after they had sent statements in a pipeline (``pipelined``).

Such a transaction holds the row of its shard's epoch, and with it every ack of the shard. It may also hold the lock of
the feed, for which the drains of all shards wait. Postgres' own timeouts do not end it: as long as a pipeline is open,
the session is neither idle nor running a statement.
"""

from __future__ import annotations

from sqlalchemy import Engine

from app.store.connections import APPLICATION_NAME
from app.store.engine import reading
from app.store.sql import HotStatement

# A role may end its own sessions. If a session waits for its client, no statement is running.
_END = HotStatement(f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity AS a
    WHERE datname = current_database() AND usename = current_user AND application_name = '{APPLICATION_NAME}'
      AND state = 'active' AND wait_event = 'ClientRead'
      AND query_start < clock_timestamp() - CAST(:seconds AS double precision) * interval '1 second'
      AND EXISTS (SELECT FROM pg_locks AS l
                  WHERE l.pid = a.pid AND l.relation = CAST('log_state' AS regclass) AND l.granted)
""")


def end_frozen_drains(engine: Engine, seconds: float) -> int:
    """Ends transactions of drains that have sent nothing for ``seconds``. Returns their number. Raises Overloaded."""
    with reading(engine) as conn:
        return len(_END.rows(conn, seconds=seconds))
