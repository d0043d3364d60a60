"""Looks up the ids that the host gave to users and conversations, by Parley's ids."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from app.store.pg_arrays import int_array
from app.store.sql import HotStatement

_OF_USERS = HotStatement("""
    SELECT id, external_id FROM users WHERE id = ANY (CAST(:ids AS bigint[])) AND external_id IS NOT NULL
""")
_OF_CONVERSATIONS = HotStatement("""
    SELECT id, external_id FROM conversations WHERE id = ANY (CAST(:ids AS bigint[])) AND external_id IS NOT NULL
""")


def external_ids_of_users(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """Returns id -> external id, for the users who have one."""
    return dict(_OF_USERS.rows(conn, ids=int_array(ids))) if ids else {}


def external_ids_of_conversations(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """Returns id -> external id, for the conversations that have one."""
    return dict(_OF_CONVERSATIONS.rows(conn, ids=int_array(ids))) if ids else {}
