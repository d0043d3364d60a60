"""A pool that closes connections to Postgres that it has not used for a while."""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

IDLE_SECONDS = 20.0
LOOK_SECONDS = 5.0
# SQLAlchemy names a pool's logger after its class; this one would be as loud as our own.
logging.getLogger(__name__).setLevel(logging.WARNING)


class IdlePool(QueuePool):
    """Each connection is a process of Postgres, of 3 to 7 MiB. A start or a burst opens as many as the pool may have.
    The pool is a stack (``pool_use_lifo``), so a busy process goes on using the same few connections. The newest
    connection stays.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._looked_at = 0.0

    def _do_return_conn(self, record: Any) -> None:
        record.info["returned_at"] = now = time.monotonic()
        super()._do_return_conn(record)
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self.close_idle(now - IDLE_SECONDS)

    def close_idle(self, before: float) -> None:
        """Closes the connections that were returned before this moment. They are at the bottom of the stack."""
        waiting: Any = self._pool
        idle = []
        with waiting.mutex:
            while len(waiting.queue) > 1 and waiting.queue[0].info.get("returned_at", before) < before:
                idle.append(waiting.queue.popleft())
        for record in idle:
            self._dec_overflow()
            record.close()


def close_idle_connections(engine: Engine) -> None:
    """Does so regularly, for a process that may make no query for a long time."""
    pool = engine.pool
    if isinstance(pool, IdlePool):
        pool.close_idle(time.monotonic() - IDLE_SECONDS)
