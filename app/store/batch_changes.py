"""The drain's other writes: what becomes of messages and groups (batch_group_changes.py). Messages and marks go by
batch_writes.py.

Invariants:

* All or nothing, in the order of the log, and only under the present epoch.
* Safe to run again: every statement looks at the version of what it changes, or states what is to be.
* A change that finds its message deleted, or its member gone, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import Connection, Engine, exc, text

from app.core.records import Kind, Record
from app.store import media_uses
from app.store.batch_group_changes import change_group
from app.store.batch_pending_pushes import STANDING
from app.store.batch_writes import UnstorableError
from app.store.engine import writing
from app.store.epochs import check_epoch
from app.store.pg_arrays import int_array
from app.store.sql import moment


class Change(NamedTuple):
    """A record and its decoded body: MessageBody (EDITED, REFRESHED, UNSEEN, CHANGED, and messages that mention
    somebody or name media), ReactedBody, PinnedBody, SettingsBody, or None."""

    record: Record
    body: Any


def store_changes(engine: Engine, epoch: int, changes: Sequence[Change]) -> list[str]:
    """Store all of it in one transaction. Returns the media that ended while messages were under way that show them as
    not ended: their members are still to be told.

    Raise StaleEpochError, UnstorableError (nothing was stored) or Overloaded.
    """
    late: list[str] = []
    if not changes:
        return late
    try:
        with writing(engine) as conn:
            check_epoch(conn, epoch)
            for change in changes:
                late += APPLY[change.record.kind](conn, change) or []
            _touch(conn, changes)
    except (exc.DataError, exc.IntegrityError, psycopg.DataError, ProgramLimitExceeded, UnicodeError) as error:
        raise UnstorableError(type(error).__name__) from error
    return late


_KEEP_OLD_TEXT = text("""
    INSERT INTO message_edits (conversation_id, seq, version, body, editor_id, replaced_at)
    SELECT conversation_id, seq, :version, body, :user, :at FROM messages
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
    ON CONFLICT DO NOTHING
""")
_EDIT = text("""
    UPDATE messages SET body = :body, edited_at = :at, mentions = CAST(:mentions AS bigint[]),
        mentions_all = :mentions_all, version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
""")
_DELETE = text("""
    UPDATE messages SET body = NULL, attachments = NULL, reply_to = NULL, mentions = NULL, mentions_all = false,
        extra = NULL, pinned_at = NULL, pinned_by = NULL, deleted_at = :at, version = greatest(version, :version)
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL
""")
_FORGET = tuple(
    text(f"DELETE FROM {table} WHERE conversation_id = :conversation AND seq = :seq")
    for table in ("message_edits", "reactions", "mentions")
)
_LOOK_AGAIN = text(STANDING)  # its words are on somebody's screen
_REACT = text("""
    INSERT INTO reactions (conversation_id, seq, user_id, emoji, version, created_at)
    SELECT conversation_id, seq, :user, :emoji, :version, :at FROM messages
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL
    ON CONFLICT DO NOTHING
""")
_UNREACT = text("""
    DELETE FROM reactions
    WHERE conversation_id = :conversation AND seq = :seq AND user_id = :user AND emoji = :emoji AND version < :version
""")
_MOVE_VERSION = text("""
    UPDATE messages SET version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND version < :version
""")
_REFRESH = text("""
    UPDATE messages SET version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND version < :version AND deleted_at IS NULL
""")
_PIN = text("""
    UPDATE messages SET pinned_at = :pinned_at, pinned_by = :user, version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
""")
_HIDE = text("""
    INSERT INTO hidden_messages (user_id, conversation_id, seq, version)
    VALUES (:user, :conversation, :seq, :version) ON CONFLICT DO NOTHING
""")
_SETTINGS = text("""
    UPDATE members SET settings_version = :version,
        muted_until = CASE WHEN :has_muted THEN CAST(:muted AS timestamptz) ELSE muted_until END,
        mute_except_mentions = coalesce(CAST(:except_mentions AS boolean), mute_except_mentions),
        archived = coalesce(CAST(:archived AS boolean), archived),
        pinned_at = CASE WHEN CAST(:pinned AS boolean) IS NULL THEN pinned_at
                         WHEN :pinned THEN coalesce(pinned_at, :at) ELSE NULL END
    WHERE conversation_id = :conversation AND user_id = :user AND settings_version < :version
""")
_MENTION = text("""
    INSERT INTO mentions (user_id, conversation_id, seq)
    SELECT u, :conversation, :seq FROM unnest(CAST(:users AS bigint[])) AS named (u)
    JOIN members AS m ON m.conversation_id = :conversation AND m.user_id = u
    ON CONFLICT DO NOTHING
""")
_UNMENTION = text("DELETE FROM mentions WHERE conversation_id = :conversation AND seq = :seq")
_TOUCH = text("""
    UPDATE conversations SET version = greatest(version, v)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[])) AS new (c, v) WHERE id = c AND version < v
""")


def _place(record: Record) -> dict[str, Any]:
    return {"conversation": record.conversation_id, "seq": record.seq, "version": record.version}


def _who_and_when(record: Record) -> dict[str, Any]:
    return {**_place(record), "user": record.user_id, "at": moment(record.sent_ms)}


def _edit(conn: Connection, change: Change) -> list[str]:
    record, body = change
    values = _who_and_when(record)
    conn.execute(_KEEP_OLD_TEXT, values)
    mentions = body.mentions if isinstance(body.mentions, list) else None
    edited = conn.execute(
        _EDIT,
        {
            **_place(record),
            "at": values["at"],
            "body": body.message,
            "mentions": int_array(mentions) if mentions else None,
            "mentions_all": body.mentions_all is True,
        },
    )
    if edited.rowcount:
        conn.execute(_UNMENTION, _named(values, "conversation", "seq"))
        _mention(conn, change)
    return media_uses.untell(conn, record.conversation_id, record.seq, body.attachments)


def _delete(conn: Connection, change: Change) -> None:
    values = {**_place(change.record), "at": moment(change.record.sent_ms)}
    conn.execute(_DELETE, values)
    conn.execute(_LOOK_AGAIN, _named(values, "conversation", "seq"))
    for statement in _FORGET:
        conn.execute(statement, _named(values, "conversation", "seq"))
    media_uses.release(conn, change.record.conversation_id, [change.record.seq])


def _react(conn: Connection, change: Change) -> None:
    record, body = change
    values = {**_who_and_when(record), "emoji": body.emoji}
    if body.on:
        conn.execute(_REACT, values)
    else:
        conn.execute(_UNREACT, _named(values, "conversation", "seq", "version", "user", "emoji"))
    conn.execute(_MOVE_VERSION, _place(record))


def _pin(conn: Connection, change: Change) -> None:
    record, body = change
    pinned_at = moment(record.sent_ms) if body.on else None
    user = record.user_id if body.on else None
    conn.execute(_PIN, {**_place(record), "user": user, "pinned_at": pinned_at})


def _hide(conn: Connection, change: Change) -> None:
    conn.execute(_HIDE, {**_place(change.record), "user": change.record.user_id})


def _message(conn: Connection, change: Change) -> list[str]:
    """The row is stored already (batch_writes.py); this is what few messages have."""
    _mention(conn, change)
    record, attachments = change.record, change.body.attachments
    return media_uses.add_uses(conn, record.conversation_id, record.seq, attachments) if attachments else []


def _unseen(conn: Connection, change: Change) -> list[str]:
    """The message is stored like any other; the one who blocked its sender does not see it."""
    conn.execute(_HIDE, {**_place(change.record), "user": change.body.receiver_id})
    return _message(conn, change)


def _media(conn: Connection, change: Change) -> None:
    media_uses.note_version(conn, change.record.id, change.record.version)


def _refresh(conn: Connection, change: Change) -> None:
    conn.execute(_REFRESH, _place(change.record))
    media_uses.note_told(conn, change.record.conversation_id, change.record.seq, change.body.attachments)


def _set(conn: Connection, change: Change) -> None:
    record, body = change
    muted = body.muted_until if isinstance(body.muted_until, int) else 0
    conn.execute(
        _SETTINGS,
        {
            "conversation": record.conversation_id,
            "user": record.user_id,
            "version": record.version,
            "at": moment(record.sent_ms),
            "has_muted": body.muted_until is not msgspec.UNSET,
            "muted": moment(muted) if muted else None,
            "except_mentions": _given(body.except_mentions),
            "archived": _given(body.archived),
            "pinned": _given(body.pinned),
        },
    )


def _mention(conn: Connection, change: Change) -> None:
    record, body = change
    if isinstance(body.mentions, list):
        conn.execute(_MENTION, {**_named(_place(record), "conversation", "seq"), "users": int_array(body.mentions)})


def _change_group(conn: Connection, change: Change) -> None:
    change_group(conn, change.record, change.body.system)


APPLY: dict[int, Callable[[Connection, Change], list[str] | None]] = {
    Kind.MESSAGE: _message,
    Kind.EDITED: _edit,
    Kind.DELETED: _delete,
    Kind.REACTED: _react,
    Kind.PINNED: _pin,
    Kind.HIDDEN: _hide,
    Kind.SETTINGS: _set,
    Kind.BLOCKED_MESSAGE: _unseen,
    Kind.GROUP_CHANGED: _change_group,
    Kind.MEDIA: _media,
    Kind.MEDIA_RESOLVED: _refresh,
}


def _named(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _touch(conn: Connection, changes: Sequence[Change]) -> None:
    """ "What changed since" looks at conversations with a later version alone."""
    latest: dict[int, int] = {}
    for record, _ in changes:
        latest[record.conversation_id] = max(record.version, latest.get(record.conversation_id, 0))
    conn.execute(_TOUCH, {"ids": int_array(latest), "versions": int_array(latest.values())})
