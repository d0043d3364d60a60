"""The drain's writes of mentions. A mention of all members is a column of the message.

An edit that newly mentions a member notifies them, even if they have already read the message. So a mention by an edit
stores the member's read mark. Until that mark moves, push_facts.py counts the message as unread.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from app.core.records import MessageBody, Record
from app.store.batch_pending_pushes import CHECK_INTERVAL_SECONDS
from app.store.change_values import place_of
from app.store.layout import is_distributed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm

_ADD = HotStatement("""
    INSERT INTO mentions (user_id, conversation_id, seq)
    SELECT u, :conversation, :seq FROM unnest(CAST(:users AS bigint[])) AS named (u)
    JOIN members AS m ON m.conversation_id = :conversation AND m.user_id = u
    WHERE EXISTS (SELECT FROM messages WHERE conversation_id = :conversation AND seq = :seq AND version = :version)
    ON CONFLICT DO NOTHING
""")
_APPLIED = """EXISTS (
    SELECT FROM messages WHERE conversation_id = :conversation AND seq = :seq AND version = :version)"""
_REMOVE_OTHERS = HotStatement(f"""
    DELETE FROM mentions
    WHERE conversation_id = :conversation AND seq = :seq
        AND NOT (:everybody OR user_id = ANY (CAST(:users AS bigint[]))) AND {_APPLIED}
""")
# If an edit mentions all members, only those with a device need a row.
_ADD_BY_EDIT = OneForm(f"""
    WITH named AS (
        INSERT INTO mentions (user_id, conversation_id, seq, named_read_seq)
        SELECT m.user_id, m.conversation_id, :seq, m.last_read_seq FROM members AS m
        WHERE m.conversation_id = :conversation AND m.user_id <> :user AND {_APPLIED}
            AND (m.user_id = ANY (CAST(:users AS bigint[]))
                 OR :new_everybody AND EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = m.user_id))
        ON CONFLICT DO NOTHING RETURNING user_id
    )
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT user_id, :conversation, :seq, now() FROM named
    WHERE EXISTS (SELECT FROM push_targets AS t WHERE t.user_id = named.user_id) ORDER BY user_id
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET seq = greatest(o.seq, excluded.seq),
        due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{CHECK_INTERVAL_SECONDS} seconds'))
""")
# In parts, for distributed conversations.
_WITH_DEVICE = HotStatement("""
    SELECT DISTINCT user_id FROM push_targets WHERE user_id = ANY (CAST(:users AS bigint[]))
""")
_ALL_MEMBERS = HotStatement("SELECT user_id FROM members WHERE conversation_id = :conversation")
_NAME = HotStatement(f"""
    INSERT INTO mentions (user_id, conversation_id, seq, named_read_seq)
    SELECT m.user_id, m.conversation_id, :seq, m.last_read_seq FROM members AS m
    WHERE m.conversation_id = :conversation AND m.user_id <> :user AND {_APPLIED}
        AND m.user_id = ANY (CAST(:users AS bigint[]))
    ON CONFLICT DO NOTHING RETURNING user_id
""")
_QUEUE = HotStatement(f"""
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT u, :conversation, :seq, now() FROM unnest(CAST(:users AS bigint[])) AS named (u) ORDER BY u
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET seq = greatest(o.seq, excluded.seq),
        due_at = least(o.due_at, greatest(now(), o.looked_at + interval '{CHECK_INTERVAL_SECONDS} seconds'))
""")
_MENTIONED_ALL = HotStatement("""
    SELECT mentions_all FROM messages WHERE conversation_id = :conversation AND seq = :seq
""")


def add_mentions(conn: Connection, record: Record, body: MessageBody) -> None:
    """Stores the mentions of a new message, if there are any."""
    if isinstance(body.mentions, list):
        _ADD.send(conn, **place_of(record), users=int_array(body.mentions))


def mentions_all_members(conn: Connection, record: Record) -> bool:
    row = _MENTIONED_ALL.row(conn, **place_of(record))
    return row is not None and bool(row[0])


def replace_mentions(conn: Connection, record: Record, body: MessageBody, *, mentioned_all: bool) -> None:
    """Stores the mentions of an edit, unless the message has been changed since, and queues notifications for members
    who are newly named. ``mentioned_all``: the old text mentioned all members.
    """
    everybody = body.mentions_all is True
    place = {**place_of(record), "user": record.user_id}
    place["users"] = int_array(body.mentions if isinstance(body.mentions, list) else ())
    _REMOVE_OTHERS.send(conn, **place, everybody=everybody)
    if isinstance(body.mentions, list) or everybody:
        new_everybody = everybody and not mentioned_all
        if is_distributed(conn):
            _add_in_parts(conn, place, body.mentions if isinstance(body.mentions, list) else [], new_everybody)
        else:
            _ADD_BY_EDIT.send(conn, **place, new_everybody=new_everybody)


def _add_in_parts(conn: Connection, place: dict[str, Any], named: list[int], new_everybody: bool) -> None:
    if new_everybody:
        members = int_array(user for (user,) in _ALL_MEMBERS.rows(conn, **place))
        with_device = [user for (user,) in _WITH_DEVICE.rows(conn, users=members)]
        named = [*named, *with_device]
    added = int_array(user for (user,) in _NAME.rows(conn, **{**place, "users": int_array(named)}))
    queued = int_array(user for (user,) in _WITH_DEVICE.rows(conn, users=added))
    _QUEUE.send(conn, **{**place, "users": queued})
