"""The drain's writes of changes that only their user sees: settings, stars, drafts, clearing, shadow suspensions.

The invariants of batch_changes.py hold here as well.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from app.store import admissions, drafts, shadow_changes
from app.store.batch_pending_pushes import recheck_shown
from app.store.change_values import Change, act_of, place_of
from app.store.distributed_notes import note_members
from app.store.sql import HotStatement, moment

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


def hide_from(conn: Connection, change: Change, user_id: int) -> None:
    """Hides the message from the user."""
    _HIDE.send(conn, **place_of(change.record) | {"user": user_id})


def hide(conn: Connection, change: Change) -> None:
    record = change.record
    hide_from(conn, change, record.user_id)
    recheck_shown(conn, *record.place, only=record.user_id)


def star(conn: Connection, change: Change) -> None:
    _STAR.send(conn, **act_of(change.record), on=change.body.on)


def change_settings(conn: Connection, change: Change) -> None:
    record, body = change
    muted = body.muted_until if isinstance(body.muted_until, int) else 0
    _CHANGE_SETTINGS.send(
        conn,
        **act_of(record),
        has_muted=body.muted_until is not msgspec.UNSET,
        muted=moment(muted) if muted else None,
        except_mentions=_given(body.except_mentions),
        archived=_given(body.archived),
        pinned=_given(body.pinned),
        marked_unread=_given(body.marked_unread),
    )


def clear(conn: Connection, change: Change) -> None:
    """Raises the member's ``visible_from``, which every read of messages respects. A device may still display a
    notification of a message that was cleared.
    """
    _CLEAR.send(conn, **act_of(change.record), removed=change.body.removed)
    recheck_shown(conn, change.record.conversation_id, 0, only=change.record.user_id)


def admit(conn: Connection, change: Change) -> None:
    """Shows a direct conversation to the user from whom it was held back, and ends the request. Or notes that an
    imported conversation is shown to its member.
    """
    place = {"conversation": change.record.conversation_id, "user": change.record.user_id}
    _ADMIT.send(conn, **place, version=change.record.version)
    note_members(conn, [change.record.conversation_id], [change.record.user_id])
    admissions.answer(conn, change.record.user_id, change.record.conversation_id)


def set_draft(conn: Connection, change: Change) -> None:
    drafts.set_draft(conn, change.record, change.body)


def read_by_shadow(conn: Connection, change: Change) -> None:
    _READ_BY_SHADOW.send(conn, **act_of(change.record))


def shadow_change(conn: Connection, change: Change) -> None:
    shadow_changes.add_change(conn, change.record)


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value
