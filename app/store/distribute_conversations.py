"""Distributes the conversations over the servers of a Citus cluster, once (docs/scaling.md).

``prepare`` first removes what Citus does not allow. It needs no Citus: afterwards, the code runs its statements for
distributed conversations on one Postgres, as tests do.

* Unique keys without the conversation move to two small tables (conversation_keys.py).
* Triggers that write notes are removed; statements write the notes (distributed_notes.py).
* Foreign keys from or to tables that are not distributed are removed. Users and conversations are never deleted.
"""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Connection

from app.store.layout import TABLES
from app.store.sql import driver

_PREPARE = """
DROP TRIGGER note_change ON conversations;
DROP TRIGGER note_new_members ON members;
DROP TRIGGER note_returned_member ON members;
ALTER TABLE members DROP CONSTRAINT fk_members_user_id_users;
ALTER TABLE invites DROP CONSTRAINT fk_invites_conversation_id_conversations;
ALTER TABLE requests DROP CONSTRAINT fk_requests_conversation_id_conversations;
CREATE TABLE direct_conversations (
    low bigint, high bigint, conversation_id bigint NOT NULL, PRIMARY KEY (low, high));
INSERT INTO direct_conversations SELECT direct_low, direct_high, id FROM conversations WHERE direct_low IS NOT NULL;
CREATE TABLE external_conversations (external_id text PRIMARY KEY, conversation_id bigint NOT NULL);
INSERT INTO external_conversations SELECT external_id, id FROM conversations WHERE external_id IS NOT NULL;
CREATE INDEX ix_external_conversations_conversation_id ON external_conversations (conversation_id);
ALTER TABLE conversations DROP CONSTRAINT uq_conversations_direct_low_direct_high;
DROP INDEX ix_conversations_external_id;
CREATE INDEX ix_push_shown_conversation_id ON push_shown (conversation_id) WHERE seq > 0;
"""
# The tables of a first one that all others are placed with.
_DISTRIBUTE = "SELECT create_distributed_table(%s, %s, colocate_with => %s)"
_FIRST = "conversations"
_LAYOUT = """
    SELECT to_regclass('conversations') IS NOT NULL, to_regclass('direct_conversations') IS NOT NULL,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'citus'),
           EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = to_regclass('messages'))
"""
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()
"""


class DistributionError(Exception):
    """One line for the operator."""


def distribute(connection: Connection, application_name: str) -> bool:
    """Distributes the conversations in one transaction. Returns False if they are distributed already.

    The connection must be in autocommit mode. Raises DistributionError if something prevents it; then nothing has
    changed.
    """
    conn = driver(connection)
    is_migrated, is_distributed, has_citus, is_partitioned = _row(conn, _LAYOUT)
    if is_distributed:
        return False
    if not is_migrated:
        raise DistributionError("The table conversations does not exist. Run the migrations first.")
    if not has_citus:
        raise DistributionError("This database does not have Citus. Create the extension and add the workers first.")
    if is_partitioned:
        raise DistributionError(
            "The table messages is partitioned. Partitions have not been tested together with Citus."
        )
    if _row(conn, _OTHERS, application_name)[0]:
        raise DistributionError("Parley processes are still connected. Stop all of them first.")
    with conn.transaction():
        conn.execute("SET LOCAL statement_timeout = 0")
        conn.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
        prepare(conn)
        for table, column in TABLES.items():
            conn.execute(_DISTRIBUTE, (table, column, "none" if table == _FIRST else _FIRST))
    return True


def prepare(conn: psycopg.Connection[Any]) -> None:
    """Changes the tables so that they can be distributed. Needs a transaction."""
    conn.execute(_PREPARE)


def _row(conn: psycopg.Connection[Any], statement: str, *values: object) -> tuple[Any, ...]:
    [row] = conn.execute(statement.encode(), values).fetchall()
    return tuple(row)
