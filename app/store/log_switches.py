"""The switches of the drains, ``pushing`` and ``feeding`` of ``log_state``: they are equal in the rows of all shards.

A drain locks the row of its shard while it writes a batch. So each batch of each shard either commits before a switch
is turned, or sees that it is turned.

Rows are locked in the order of their ids, so two changes cannot wait for each other. A change locks row 1 first, by a
statement of its own: a shard's row is added under that lock (epochs.py), so the next statement sees it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from app.store.sql import HotStatement

_LOCK_FIRST = HotStatement("SELECT 1 FROM log_state WHERE id = 1 FOR NO KEY UPDATE")


class Switch:
    """``column`` is a column of ``log_state``."""

    def __init__(self, column: str) -> None:
        self._differs = HotStatement(f"SELECT 1 FROM log_state WHERE {column} <> CAST(:on AS boolean) LIMIT 1")
        self._turn = HotStatement(f"""
            WITH changed AS (
                SELECT id FROM log_state WHERE {column} <> CAST(:on AS boolean) ORDER BY id FOR NO KEY UPDATE
            )
            UPDATE log_state SET {column} = CAST(:on AS boolean) WHERE id IN (SELECT id FROM changed)
        """)

    def turn(self, conn: Connection, *, on: bool) -> bool:
        """Turns the switch for all shards, and returns whether that changed anything. Needs a transaction, which then
        blocks all drains until it ends.
        """
        if self._differs.row(conn, on=on) is None:
            return False
        hold_switches(conn)
        return self._turn.run(conn, on=on) > 0


def hold_switches(conn: Connection) -> None:
    """Prevents others from turning a switch, or adding the row of a shard, until the transaction ends."""
    _LOCK_FIRST.rows(conn)


PUSHING = Switch("pushing")
FEEDING = Switch("feeding")
