"""The drain's other writes: changes to messages, members and media. Groups are in batch_group_changes.py, new messages
and marks in batch_writes.py.

Invariants:

* A batch is stored completely or not at all, in the order of the log, and only in the current epoch.
* Safe to run again, even after later changes (by a drain that hung, and whose successor went on): each statement
  checks the version of the row that it changes, or sets a final state.
* A change whose message was deleted, or whose member has left, does nothing.
* The statements are sent without waiting for answers (``pipelined``), unless the result of one decides what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from app.core.emoji import normal_emoji
from app.core.kinds import Kind
from app.store import batch_own_changes as own
from app.store import drafts, media_uses, streams
from app.store.batch_group_changes import change_group
from app.store.batch_mentions import add_mentions, mentions_all_members, replace_mentions
from app.store.batch_pending_pushes import recheck_shown
from app.store.change_values import Change, act_of, mentions_of, place_of, rare_fields
from app.store.distributed_notes import note_changes
from app.store.distribution import ListStatement
from app.store.models.message_life import DETAILS
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, moment


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
      AND body IS DISTINCT FROM :body  -- an edit of metadata alone replaces no text
    ON CONFLICT DO NOTHING
""")
_EDIT = HotStatement("""
    UPDATE messages SET body = :body, edited_at = :at, mentions = CAST(:mentions AS bigint[]),
        mentions_all = :mentions_all, version = :version,
        extra = nullif(coalesce(extra, '{}') - CAST(:decided AS text[]) || CAST(:extra AS jsonb), '{}')
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
_REMOVE_STARS = HotStatement("""
    DELETE FROM stars
    WHERE conversation_id = :conversation AND user_id = ANY(CAST(:users AS bigint[])) AND version < :version
""")
_RAISE_VERSIONS = ListStatement(
    """
    UPDATE conversations SET version = greatest(version, v)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[])) AS new (c, v) WHERE id = c AND version < v
""",
    "ids",
    target="id",
)


def _edit(conn: Connection, change: Change) -> list[str]:
    record, body = change
    values = {**act_of(record), "body": body.message}
    _KEEP_OLD_TEXT.send(conn, **values)
    mentions_all = body.mentions_all is True
    decided, extra = rare_fields(body)
    values |= {"mentions": mentions_of(body), "mentions_all": mentions_all}
    before = mentions_all and mentions_all_members(conn, record)
    _EDIT.send(conn, **values, decided=decided, extra=extra)
    replace_mentions(conn, record, body, mentioned_all=before)
    recheck_shown(conn, *record.place)
    return media_uses.mark_unannounced(conn, record.conversation_id, record.seq, body.attachments)


def _end_stream(conn: Connection, change: Change) -> None:
    record, body = change
    streams.end(conn, record, body, *rare_fields(body))
    replace_mentions(conn, record, body, mentioned_all=False)


def _delete(conn: Connection, change: Change) -> None:
    values = act_of(change.record)
    _DELETE.send(conn, **values)
    recheck_shown(conn, *change.record.place)
    for statement in _DELETE_DETAILS:
        statement.send(conn, **values)
    media_uses.release(conn, change.record.conversation_id, [change.record.seq])


def _react(conn: Connection, change: Change) -> None:
    record, body = change
    statement = _REACT if body.on else _UNREACT
    emoji = normal_emoji(body.emoji)  # a record of the previous release may have another form, or any text
    if emoji is not None:
        statement.send(conn, **act_of(record), emoji=emoji)
    _MOVE_VERSION.send(conn, **place_of(record))


def _pin(conn: Connection, change: Change) -> None:
    record, body = change
    pinned_at, user = (moment(record.sent_ms), record.user_id) if body.on else (None, None)
    _PIN.send(conn, **place_of(record), pinned_at=pinned_at, user=user)


def _add_details(conn: Connection, change: Change) -> list[str]:
    """Stores the mentions and media of a message, and that it is a stream. Few messages have any; the row itself is
    already stored (batch_writes.py)."""
    record, attachments = change.record, change.body.attachments
    add_mentions(conn, record, change.body)
    if change.body.streaming is True:
        streams.begin(conn, record)
    return media_uses.add_uses(conn, record.conversation_id, record.seq, attachments) if attachments else []


def _hide_blocked(conn: Connection, change: Change) -> list[str]:
    """Hides a stored message from the receiver, because the receiver has blocked its sender."""
    own.hide_from(conn, change, change.body.receiver_id)
    return _add_details(conn, change)


def _settle_media(conn: Connection, change: Change) -> None:
    media_uses.set_version(conn, change.record.id, change.record.version)


def _refresh(conn: Connection, change: Change) -> None:
    _REFRESH.send(conn, **place_of(change.record))
    media_uses.mark_announced(conn, change.record.conversation_id, change.record.seq, change.body.attachments)


def _change_group(conn: Connection, change: Change) -> None:
    record, system = change.record, change.body.system
    change_group(conn, record, system)
    if system["type"] in ("left", "removed"):
        left = system.get("userIds", [record.user_id])
        _REMOVE_STARS.send(conn, **place_of(record), users=int_array(left))
        drafts.remove_drafts(conn, record.conversation_id, left, record.version)


APPLY: dict[int, Callable[[Connection, Change], list[str] | None]] = {
    Kind.MESSAGE: _add_details,
    Kind.EDITED: _edit,
    Kind.DELETED: _delete,
    Kind.REACTED: _react,
    Kind.PINNED: _pin,
    Kind.HIDDEN: own.hide,
    Kind.STARRED: own.star,
    Kind.SETTINGS: own.change_settings,
    Kind.BLOCKED_MESSAGE: _hide_blocked,
    Kind.GROUP_CHANGED: _change_group,
    Kind.ADMITTED: own.admit,
    Kind.DRAFTED: own.set_draft,
    Kind.CLEARED: own.clear,
    Kind.MEDIA: _settle_media,
    Kind.MEDIA_RESOLVED: _refresh,
    Kind.STREAM_ENDED: _end_stream,
    Kind.SHADOW_MESSAGE: _add_details,
    Kind.SHADOW_READ: own.read_by_shadow,
    Kind.SHADOW_EDITED: own.shadow_change,
    Kind.SHADOW_REACTED: own.shadow_change,
    Kind.SHADOW_PINNED: own.shadow_change,
}


def _raise_versions(conn: Connection, changes: Sequence[Change]) -> None:
    """Queries for changes since a version read only conversations with a later version. Drafts have a query of their
    own, and change far more often.
    """
    latest: dict[int, int] = {}
    for record in (change.record for change in changes if change.record.kind != Kind.DRAFTED):
        latest[record.conversation_id] = max(record.version, latest.get(record.conversation_id, 0))
    _RAISE_VERSIONS.send(conn, ids=int_array(latest), versions=int_array(latest.values()))
    note_changes(conn, latest)
