"""How many shards this installation has. A process with another setting would look for conversations in the wrong log,
so it does not start (app/shard_check.py).
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from app.store.engine import reading
from app.store.layout import is_distributed
from app.store.log_switches import hold_switches
from app.store.sql import HotStatement, OneForm

_READ = HotStatement("SELECT shards FROM shard_count")
_CLAIM = OneForm("""
    INSERT INTO shard_count (id, shards)
    SELECT 1, CASE WHEN EXISTS (SELECT FROM conversations) THEN 1 ELSE CAST(:shards AS smallint) END
    ON CONFLICT DO NOTHING
""")
_LOCK = HotStatement("SELECT shards FROM shard_count WHERE id = 1 FOR UPDATE")
# In parts, for distributed conversations.
_CLAIM_NUMBER = HotStatement("""
    INSERT INTO shard_count (id, shards) VALUES (1, CAST(:shards AS smallint)) ON CONFLICT DO NOTHING
""")
_ANY = HotStatement("SELECT id FROM conversations LIMIT 1")
_KEEP_OPEN = HotStatement("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
_EPOCHS = HotStatement("SELECT id - 1, epoch FROM log_state")
# A row that a former use of the shard left is replaced.
_SPLIT_ROWS = HotStatement("""
    INSERT INTO log_state (id, epoch, pushing, feeding)
    SELECT child + 1, epoch, pushing, feeding
    FROM generate_series(CAST(:old AS integer), CAST(:new AS integer) - 1) AS child
    JOIN log_state ON id = child % CAST(:old AS integer) + 1
    ON CONFLICT (id) DO UPDATE
    SET epoch = excluded.epoch, started_at = now(), pushing = excluded.pushing, feeding = excluded.feeding
""")
# The parent's state stays true for the conversations that it keeps. For the moved ones, messages are counted again.
_FORGET_READ_STATES = HotStatement("DELETE FROM read_conversations WHERE shard >= :old")
_SET = HotStatement("UPDATE shard_count SET shards = :new WHERE id = 1")


def read_or_claim(engine: Engine, shards: int) -> int:
    """Returns the number of shards. A new installation adopts ``shards``. An installation that has conversations
    already has 1 shard.
    """
    with reading(engine) as conn:
        found = _READ.row(conn)
        return int(found[0]) if found else claim(conn, shards)


def claim(conn: Connection, shards: int) -> int:
    """Sets the number of an installation that has none, and returns the number."""
    if is_distributed(conn):
        _CLAIM_NUMBER.run(conn, shards=shards if is_new(conn) else 1)
    else:
        _CLAIM.run(conn, shards=shards)
    [(number,)] = _READ.rows(conn)
    return int(number)


def lock_count(conn: Connection, shards: int) -> int:
    """Does the same as ``read_or_claim``, and locks the number until the transaction ends, no matter how long it is
    idle.
    """
    _KEEP_OPEN.rows(conn)
    claim(conn, shards)
    [(number,)] = _LOCK.rows(conn)
    return int(number)


def is_new(conn: Connection) -> bool:
    """Returns whether there is no conversation yet."""
    return _ANY.row(conn) is None


def epochs_of_shards(conn: Connection) -> dict[int, int]:
    """Returns shard -> epoch, of the shards that have one."""
    return {row[0]: row[1] for row in _EPOCHS.rows(conn)}


def split(conn: Connection, old: int, new: int) -> None:
    """Changes the number, and gives each new shard the epoch and the switches of the one that it is split from."""
    hold_switches(conn)
    _SPLIT_ROWS.run(conn, old=old, new=new)
    _FORGET_READ_STATES.run(conn, old=old)
    _SET.run(conn, new=new)
