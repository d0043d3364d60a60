"""The drain's other writes: changes to messages, members and media. Groups are in batch_group_changes.py, new messages
and marks in batch_writes.py.

Invariants:

* A batch is stored completely or not at all, in the order of the log, and only in the current epoch.
* Safe to run again, even after later changes (by a drain that hung, and whose successor went on): each statement
  checks the version of the row that it changes, or sets a final state.
* A change whose message was deleted, or whose member has left, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from app.core.kinds import Kind
from app.core.records import Record
from app.store import media_uses
from app.store.batch_group_changes import change_group
from app.store.batch_pending_pushes import RECHECK_SHOWN
from app.store.models.message_life import DETAILS
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, moment


class Change(NamedTuple):
    """A record and its decoded body: ReactedBody, SwitchBody, SettingsBody, None, or MessageBody for the other kinds
    (EDITED, MEDIA_RESOLVED, BLOCKED_MESSAGE, GROUP_CHANGED, and messages that mention somebody or name media)."""

    record: Record
    body: Any


def apply_changes(changes: Sequence[Change], conn: Connection, rejected: frozenset[int]) -> list[str]:
    """Applies the changes in the transaction of their batch, after its messages, except those of ``rejected`` versions.

    Returns media whose processing ended while messages that show them as unfinished were in the log. Their members
    have yet to be notified.
    """
    kept = [change for change in changes if change.record.version not in rejected]
    settled: list[str] = []
    for change in kept:
        settled += APPLY[change.record.kind](conn, change) or []
    if kept:
        _raise_versions(conn, kept)
    return settled


_KEEP_OLD_TEXT = HotStatement("""
    INSERT INTO message_edits (conversation_id, seq, version, body, editor_id, replaced_at)
    SELECT conversation_id, seq, :version, body, :user, :at FROM messages
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
    ON CONFLICT DO NOTHING
""")
_EDIT = HotStatement("""
    UPDATE messages SET body = :body, edited_at = :at, mentions = CAST(:mentions AS bigint[]),
        mentions_all = :mentions_all, version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
""")
_DELETE = HotStatement("""
    UPDATE messages SET body = NULL, attachments = NULL, reply_to = NULL, mentions = NULL, mentions_all = false,
        extra = NULL, pinned_at = NULL, pinned_by = NULL, deleted_at = :at, version = greatest(version, :version)
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL
""")
_DELETE_DETAILS = tuple(
    HotStatement(f"DELETE FROM {table.__tablename__} WHERE conversation_id = :conversation AND seq = :seq")
    for table in DETAILS
)
_RECHECK_SHOWN = HotStatement(RECHECK_SHOWN)  # a device may display the deleted text
_REACT = HotStatement("""
    INSERT INTO reactions (conversation_id, seq, user_id, emoji, version, created_at)
    SELECT conversation_id, seq, :user, :emoji, :version, :at FROM messages
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
    ON CONFLICT DO NOTHING
""")
_UNREACT = HotStatement("""
    DELETE FROM reactions
    WHERE conversation_id = :conversation AND seq = :seq AND user_id = :user AND emoji = :emoji AND version < :version
""")
_MOVE_VERSION = HotStatement("""
    UPDATE messages SET version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND version < :version
""")
_REFRESH = HotStatement("""
    UPDATE messages SET version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND version < :version AND deleted_at IS NULL
""")
_PIN = HotStatement("""
    UPDATE messages SET pinned_at = :pinned_at, pinned_by = :user, version = :version
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
""")
_HIDE = HotStatement("""
    INSERT INTO hidden_messages (user_id, conversation_id, seq, version)
    VALUES (:user, :conversation, :seq, :version) ON CONFLICT DO NOTHING
""")
_STAR = HotStatement("""
    INSERT INTO stars (conversation_id, seq, user_id, starred, version)
    SELECT x.conversation_id, x.seq, m.user_id, :on, :version FROM messages AS x
    JOIN members AS m ON m.conversation_id = x.conversation_id AND m.user_id = :user AND m.left_seq IS NULL
    WHERE x.conversation_id = :conversation AND x.seq = :seq AND x.deleted_at IS NULL
    ON CONFLICT (conversation_id, seq, user_id) DO UPDATE SET starred = excluded.starred, version = excluded.version
    WHERE stars.version < excluded.version
""")
_REMOVE_STARS = HotStatement("""
    DELETE FROM stars
    WHERE conversation_id = :conversation AND user_id = ANY(CAST(:users AS bigint[])) AND version < :version
""")
_CHANGE_SETTINGS = HotStatement("""
    UPDATE members SET settings_version = :version,
        muted_until = CASE WHEN :has_muted THEN CAST(:muted AS timestamptz) ELSE muted_until END,
        mute_except_mentions = coalesce(CAST(:except_mentions AS boolean), mute_except_mentions),
        archived = coalesce(CAST(:archived AS boolean), archived),
        pinned_at = CASE WHEN CAST(:pinned AS boolean) IS NULL THEN pinned_at
                         WHEN :pinned THEN coalesce(pinned_at, :at) ELSE NULL END
    WHERE conversation_id = :conversation AND user_id = :user AND settings_version < :version
""")
_ADMIT = HotStatement("""
    UPDATE members SET left_seq = NULL, left_version = NULL, joined_version = :version
    WHERE conversation_id = :conversation AND user_id = :user AND left_seq = 0
""")
_ANSWERED = HotStatement("DELETE FROM requests WHERE conversation_id = :conversation AND user_id = :user")
_MENTION = HotStatement("""
    INSERT INTO mentions (user_id, conversation_id, seq)
    SELECT u, :conversation, :seq FROM unnest(CAST(:users AS bigint[])) AS named (u)
    JOIN members AS m ON m.conversation_id = :conversation AND m.user_id = u
    WHERE EXISTS (SELECT FROM messages WHERE conversation_id = :conversation AND seq = :seq AND version = :version)
    ON CONFLICT DO NOTHING
""")
_UNMENTION = HotStatement("DELETE FROM mentions WHERE conversation_id = :conversation AND seq = :seq")
_RAISE_VERSIONS = HotStatement("""
    UPDATE conversations SET version = greatest(version, v)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[])) AS new (c, v) WHERE id = c AND version < v
""")


def _place(record: Record) -> dict[str, Any]:
    return {"conversation": record.conversation_id, "seq": record.seq, "version": record.version}


def _act(record: Record) -> dict[str, Any]:
    """Returns the place of the change, its user and its time."""
    return {**_place(record), "user": record.user_id, "at": moment(record.sent_ms)}


def _edit(conn: Connection, change: Change) -> list[str]:
    record, body = change
    values = _act(record)
    _KEEP_OLD_TEXT.run(conn, **values)
    mentions = int_array(body.mentions) if isinstance(body.mentions, list) and body.mentions else None
    mentions_all = body.mentions_all is True
    if _EDIT.run(conn, **values, body=body.message, mentions=mentions, mentions_all=mentions_all):
        _UNMENTION.run(conn, **values)
        _mention(conn, change)
    return media_uses.mark_unannounced(conn, record.conversation_id, record.seq, body.attachments)


def _delete(conn: Connection, change: Change) -> None:
    values = _act(change.record)
    _DELETE.run(conn, **values)
    _RECHECK_SHOWN.run(conn, **values)
    for statement in _DELETE_DETAILS:
        statement.run(conn, **values)
    media_uses.release(conn, change.record.conversation_id, [change.record.seq])


def _react(conn: Connection, change: Change) -> None:
    record, body = change
    statement = _REACT if body.on else _UNREACT
    statement.run(conn, **_act(record), emoji=body.emoji)
    _MOVE_VERSION.run(conn, **_place(record))


def _pin(conn: Connection, change: Change) -> None:
    record, body = change
    pinned_at, user = (moment(record.sent_ms), record.user_id) if body.on else (None, None)
    _PIN.run(conn, **_place(record), pinned_at=pinned_at, user=user)


def _hide(conn: Connection, change: Change) -> None:
    _HIDE.run(conn, **_act(change.record))


def _star(conn: Connection, change: Change) -> None:
    _STAR.run(conn, **_act(change.record), on=change.body.on)


def _add_details(conn: Connection, change: Change) -> list[str]:
    """Stores the mentions and media of a message. Few messages have them; the row itself is already stored
    (batch_writes.py)."""
    _mention(conn, change)
    record, attachments = change.record, change.body.attachments
    return media_uses.add_uses(conn, record.conversation_id, record.seq, attachments) if attachments else []


def _hide_blocked(conn: Connection, change: Change) -> list[str]:
    """Hides a stored message from the receiver, because the receiver has blocked its sender."""
    _HIDE.run(conn, **_place(change.record), user=change.body.receiver_id)
    return _add_details(conn, change)


def _settle_media(conn: Connection, change: Change) -> None:
    media_uses.set_version(conn, change.record.id, change.record.version)


def _refresh(conn: Connection, change: Change) -> None:
    _REFRESH.run(conn, **_place(change.record))
    media_uses.mark_announced(conn, change.record.conversation_id, change.record.seq, change.body.attachments)


def _change_settings(conn: Connection, change: Change) -> None:
    record, body = change
    muted = body.muted_until if isinstance(body.muted_until, int) else 0
    _CHANGE_SETTINGS.run(
        conn,
        **_act(record),
        has_muted=body.muted_until is not msgspec.UNSET,
        muted=moment(muted) if muted else None,
        except_mentions=_given(body.except_mentions),
        archived=_given(body.archived),
        pinned=_given(body.pinned),
    )


def _admit(conn: Connection, change: Change) -> None:
    """Shows a direct conversation to the user from whom it was held back, and ends the request."""
    place = {"conversation": change.record.conversation_id, "user": change.record.user_id}
    _ADMIT.run(conn, **place, version=change.record.version)
    _ANSWERED.run(conn, **place)


def _mention(conn: Connection, change: Change) -> None:
    record, body = change
    if isinstance(body.mentions, list):
        _MENTION.run(conn, **_place(record), users=int_array(body.mentions))


def _change_group(conn: Connection, change: Change) -> None:
    record, system = change.record, change.body.system
    change_group(conn, record, system)
    if system["type"] in ("left", "removed"):
        left = system.get("userIds", [record.user_id])
        _REMOVE_STARS.run(conn, **_place(record), users=int_array(left))


APPLY: dict[int, Callable[[Connection, Change], list[str] | None]] = {
    Kind.MESSAGE: _add_details,
    Kind.EDITED: _edit,
    Kind.DELETED: _delete,
    Kind.REACTED: _react,
    Kind.PINNED: _pin,
    Kind.HIDDEN: _hide,
    Kind.STARRED: _star,
    Kind.SETTINGS: _change_settings,
    Kind.BLOCKED_MESSAGE: _hide_blocked,
    Kind.GROUP_CHANGED: _change_group,
    Kind.ADMITTED: _admit,
    Kind.MEDIA: _settle_media,
    Kind.MEDIA_RESOLVED: _refresh,
}


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _raise_versions(conn: Connection, changes: Sequence[Change]) -> None:
    """Queries for changes since a version read only conversations with a later version."""
    latest: dict[int, int] = {}
    for record, _ in changes:
        latest[record.conversation_id] = max(record.version, latest.get(record.conversation_id, 0))
    _RAISE_VERSIONS.run(conn, ids=int_array(latest), versions=int_array(latest.values()))
