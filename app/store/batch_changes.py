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

from app.core.emoji import normal_emoji
from app.core.kinds import Kind
from app.core.records import MessageBody, Record
from app.store import admissions, drafts, media_uses, shadow_changes, streams
from app.store.batch_group_changes import change_group
from app.store.batch_mentions import add_mentions, mentions_all_members, replace_mentions
from app.store.batch_pending_pushes import RECHECK_SHOWN
from app.store.models.message_life import DETAILS
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, moment


class Change(NamedTuple):
    """A record and its decoded body: MessageBody for EDITED, MEDIA_RESOLVED, BLOCKED_MESSAGE, SHADOW_MESSAGE,
    GROUP_CHANGED, and messages that mention somebody or name media; for the other kinds the type in their row
    (kinds.py), or None.
    """

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
_RECHECK_SHOWN = HotStatement(RECHECK_SHOWN)  # a device may display the old or deleted text
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
                         WHEN :pinned THEN coalesce(pinned_at, :at) ELSE NULL END,
        marked_unread_seq = CASE WHEN CAST(:marked_unread AS boolean) IS NULL THEN marked_unread_seq
                                 WHEN :marked_unread THEN CAST(:seq AS bigint) ELSE NULL END
    WHERE conversation_id = :conversation AND user_id = :user AND settings_version < :version
""")
_CLEAR = HotStatement("""
    UPDATE members SET visible_from = greatest(visible_from, CAST(:seq AS bigint)), marked_unread_seq = NULL,
        cleared_version = :version, removed_seq = CASE WHEN :removed THEN CAST(:seq AS bigint) END
    WHERE conversation_id = :conversation AND user_id = :user AND left_seq IS NULL AND joined_version < :version
      AND coalesce(cleared_version, 0) < :version
""")
_ADMIT = HotStatement("""
    UPDATE members SET left_seq = NULL, left_version = NULL, joined_version = :version
    WHERE conversation_id = :conversation AND user_id = :user
      AND (left_seq = 0 OR left_seq IS NULL AND joined_version < :version)
""")
_READ_BY_SHADOW = HotStatement("""
    UPDATE members SET own_read_seq = greatest(own_read_seq, CAST(:seq AS bigint))
    WHERE conversation_id = :conversation AND user_id = :user AND left_seq IS NULL
""")
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
    values = {**_act(record), "body": body.message}
    _KEEP_OLD_TEXT.run(conn, **values)
    mentions = int_array(body.mentions) if isinstance(body.mentions, list) and body.mentions else None
    mentions_all = body.mentions_all is True
    decided, extra = _rare_fields(body)
    values |= {"mentions": mentions, "mentions_all": mentions_all}
    before = mentions_all and mentions_all_members(conn, record)
    if _EDIT.run(conn, **values, decided=decided, extra=extra):
        replace_mentions(conn, record, body, mentioned_all=before)
        _RECHECK_SHOWN.run(conn, **_place(record), only=None)
    return media_uses.mark_unannounced(conn, record.conversation_id, record.seq, body.attachments)


def _rare_fields(body: MessageBody) -> tuple[str, str]:
    """Returns the fields of ``extra`` that an edit decides, as an array literal, and their new values as JSON."""
    decided = ["mentionsOnline"]
    values: dict[str, Any] = {"mentionsOnline": True} if body.mentions_online is True else {}
    if body.metadata is not msgspec.UNSET:
        decided.append("metadata")
        values |= {"metadata": body.metadata} if body.metadata else {}
    return text_array(decided), msgspec.json.encode(values).decode()


def _end_stream(conn: Connection, change: Change) -> None:
    record, body = change
    if streams.end(conn, record, body, *_rare_fields(body)):
        replace_mentions(conn, record, body, mentioned_all=False)


def _delete(conn: Connection, change: Change) -> None:
    values = _act(change.record)
    _DELETE.run(conn, **values)
    _RECHECK_SHOWN.run(conn, **values, only=None)
    for statement in _DELETE_DETAILS:
        statement.run(conn, **values)
    media_uses.release(conn, change.record.conversation_id, [change.record.seq])


def _react(conn: Connection, change: Change) -> None:
    record, body = change
    statement = _REACT if body.on else _UNREACT
    emoji = normal_emoji(body.emoji)  # a record of the previous release may have another form, or any text
    if emoji is not None:
        statement.run(conn, **_act(record), emoji=emoji)
    _MOVE_VERSION.run(conn, **_place(record))


def _pin(conn: Connection, change: Change) -> None:
    record, body = change
    pinned_at, user = (moment(record.sent_ms), record.user_id) if body.on else (None, None)
    _PIN.run(conn, **_place(record), pinned_at=pinned_at, user=user)


def _hide(conn: Connection, change: Change) -> None:
    _HIDE.run(conn, **_act(change.record))
    _RECHECK_SHOWN.run(conn, **_place(change.record), only=change.record.user_id)


def _star(conn: Connection, change: Change) -> None:
    _STAR.run(conn, **_act(change.record), on=change.body.on)


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
    _HIDE.run(conn, **_place(change.record), user=change.body.receiver_id)
    return _add_details(conn, change)


def _read_by_shadow(conn: Connection, change: Change) -> None:
    _READ_BY_SHADOW.run(conn, **_act(change.record))


def _shadow_change(conn: Connection, change: Change) -> None:
    shadow_changes.add_change(conn, change.record)


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
        marked_unread=_given(body.marked_unread),
    )


def _clear(conn: Connection, change: Change) -> None:
    """Raises the member's ``visible_from``, which every read of messages respects. A device may still display a
    notification of a message that was cleared.
    """
    _CLEAR.run(conn, **_act(change.record), removed=change.body.removed)
    _RECHECK_SHOWN.run(conn, **_place(change.record) | {"seq": 0}, only=change.record.user_id)


def _admit(conn: Connection, change: Change) -> None:
    """Shows a direct conversation to the user from whom it was held back, and ends the request. Or notes that an
    imported conversation is shown to its member.
    """
    place = {"conversation": change.record.conversation_id, "user": change.record.user_id}
    _ADMIT.run(conn, **place, version=change.record.version)
    admissions.answer(conn, change.record.user_id, change.record.conversation_id)


def _set_draft(conn: Connection, change: Change) -> None:
    drafts.set_draft(conn, change.record, change.body)


def _change_group(conn: Connection, change: Change) -> None:
    record, system = change.record, change.body.system
    change_group(conn, record, system)
    if system["type"] in ("left", "removed"):
        left = system.get("userIds", [record.user_id])
        _REMOVE_STARS.run(conn, **_place(record), users=int_array(left))
        drafts.remove_drafts(conn, record.conversation_id, left, record.version)


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
    Kind.DRAFTED: _set_draft,
    Kind.CLEARED: _clear,
    Kind.MEDIA: _settle_media,
    Kind.MEDIA_RESOLVED: _refresh,
    Kind.STREAM_ENDED: _end_stream,
    Kind.SHADOW_MESSAGE: _add_details,
    Kind.SHADOW_READ: _read_by_shadow,
    Kind.SHADOW_EDITED: _shadow_change,
    Kind.SHADOW_REACTED: _shadow_change,
    Kind.SHADOW_PINNED: _shadow_change,
}


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _raise_versions(conn: Connection, changes: Sequence[Change]) -> None:
    """Queries for changes since a version read only conversations with a later version. Drafts have a query of their
    own, and change far more often.
    """
    latest: dict[int, int] = {}
    for record in (change.record for change in changes if change.record.kind != Kind.DRAFTED):
        latest[record.conversation_id] = max(record.version, latest.get(record.conversation_id, 0))
    _RAISE_VERSIONS.run(conn, ids=int_array(latest), versions=int_array(latest.values()))
