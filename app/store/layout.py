"""Whether the conversations are distributed over several servers by Citus (docs/decisions/citus.md).

Conversations, their members and messages, and their dependent tables are then distributed by the id of the
conversation. Everything else stays in the database that Parley connects to. A statement about distributed tables should
name its conversations, so that it runs only on the servers that have them. If naming them would change the statement
for one Postgres, it has two forms, and the layout of the database decides which one runs. The layout is read once per
engine, because it changes only while no process runs (distribute_conversations.py).
"""

from __future__ import annotations

import re
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

# table -> the column with the id of the conversation
TABLES = {
    "conversations": "id",
    "members": "conversation_id",
    "messages": "conversation_id",
    "message_edits": "conversation_id",
    "message_terms": "conversation_id",
    "reactions": "conversation_id",
    "mentions": "conversation_id",
    "stars": "conversation_id",
    "hidden_messages": "conversation_id",
    "shadow_changes": "conversation_id",
    "drafts": "conversation_id",
    "streams": "conversation_id",
}
_READ = re.compile(rf"(?<!DELETE )\b(FROM|JOIN)\s+({'|'.join(TABLES)})\b(?:\s+AS\s+(\w+))?")
_DISTRIBUTED: WeakKeyDictionary[Engine, bool] = WeakKeyDictionary()
# A table that only the distributed layout has.
_IS_DISTRIBUTED = "SELECT to_regclass('direct_conversations') IS NOT NULL"


def is_distributed(conn: Connection) -> bool:
    """Returns whether the conversations are distributed."""
    found = _DISTRIBUTED.get(conn.engine)
    if found is None:
        found = _DISTRIBUTED[conn.engine] = bool(conn.exec_driver_sql(_IS_DISTRIBUTED).scalar_one())
    return found


def known_as_distributed(engine: Engine) -> bool | None:
    """Returns the same without a connection; None if the layout was not read yet."""
    return _DISTRIBUTED.get(engine)


def routed(statement: str, among: str) -> str:
    """Returns the statement with each read of a distributed table limited to the conversations of the parameter
    ``among``.

    Citus runs a statement on the shards of all tables together. If only one of them is limited, it runs on all shards.
    """

    def limited(found: re.Match[str]) -> str:
        word, table, alias = found.groups()
        where = f"WHERE {TABLES[table]} = ANY(CAST(:{among} AS bigint[]))"
        return f"{word} (SELECT * FROM {table} {where}) AS {alias or table}"

    return _READ.sub(limited, statement)
