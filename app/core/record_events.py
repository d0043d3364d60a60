"""From the records of the log to events: messages, marks, and what becomes of messages and groups."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.cursor import encode_cursor
from app.core.events import Event, make_event, mark_event, message_event
from app.core.records import Kind, Record, decode_marks
from app.core.times import rfc3339

_encode = msgspec.json.Encoder().encode
MARK_NAMES = {Kind.DELIVERED: "message_delivered", Kind.READ: "message_read"}


def event_of(epoch: int, record: Record) -> Event:
    """The event that a durable record becomes."""
    if record.kind in (Kind.MESSAGE, Kind.GROUP_CHANGED, Kind.BLOCKED_MESSAGE):
        return message_event(epoch, record)
    if record.kind <= Kind.READ:
        return mark_event(epoch, record.kind, record.conversation_id, record.user_id, record.seq, record.version)
    return _CHANGE[Kind(record.kind)](epoch, record)


def stream_event(name: str, data: bytes, epoch: int, version: int) -> Event:
    """An event of the stream that is no message."""
    return Event(name, data, version=version, cursor=encode_cursor(epoch, version))


def _place(record: Record) -> bytes:
    return b'"id":%b,"conversationId":%d,"seq":%d' % (_encode(record.id), record.conversation_id, record.seq)


def _by(record: Record) -> bytes:
    return b'{%b,"userId":%d,%b}' % (_place(record), record.user_id, record.body.encode())


def _edited(epoch: int, record: Record) -> Event:
    return stream_event("message_updated", edited_data(record), epoch, record.version)


def edited_data(record: Record) -> bytes:
    """The message as it now is."""
    return b'{"conversationId":%d,"seq":%d,"editedAt":"%b",%b}' % (
        record.conversation_id,
        record.seq,
        rfc3339(record.sent_ms).encode(),
        record.body.encode(),
    )


def _refreshed(epoch: int, record: Record) -> Event:
    """``editedAt`` is in the body, where it was edited."""
    place = b'"conversationId":%d,"seq":%d' % (record.conversation_id, record.seq)
    return stream_event("message_updated", b"{%b,%b}" % (place, record.body.encode()), epoch, record.version)


def _media(epoch: int, record: Record) -> Event:
    data = msgspec.json.decode("{" + record.body + "}")
    return media_event(data, epoch, record.version)


def media_event(data: dict[str, Any], epoch: int, version: int) -> Event:
    """``data`` is the medium as it ended."""
    name = "media_failed" if data["status"] == "failed" else "media_ready"
    return stream_event(name, _encode(data), epoch, version)


def progress_event(record: Record) -> Event:
    return Event("media_progress", b"{%b}" % record.body.encode())


def _deleted(epoch: int, record: Record) -> Event:
    return stream_event("message_deleted", b"{%b}" % _place(record), epoch, record.version)


def _reacted(epoch: int, record: Record) -> Event:
    return stream_event("reaction", _by(record), epoch, record.version)


def _pinned(epoch: int, record: Record) -> Event:
    return stream_event("message_pinned", _by(record), epoch, record.version)


def _settings(epoch: int, record: Record) -> Event:
    changes = msgspec.json.decode("{" + record.body + "}")
    data = _encode(settings_view(record.conversation_id, changes))
    return stream_event("conversation_settings", data, epoch, record.version)


def settings_view(conversation_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    view = {"conversationId": conversation_id, **changes}
    if "mutedUntil" in changes:
        view["mutedUntil"] = rfc3339(changes["mutedUntil"]) if changes["mutedUntil"] else None
    return view


def _marks(epoch: int, record: Record) -> Event:
    body = decode_marks(record.body)
    data = b'{"conversationId":%d,"userId":%d,"seq":%d,"moved":%d}' % (
        record.conversation_id,
        record.user_id,
        record.seq,
        len(body.moved),
    )
    return stream_event(MARK_NAMES[Kind(body.mark)], data, epoch, record.version)


_CHANGE = {
    Kind.EDITED: _edited,
    Kind.DELETED: _deleted,
    Kind.HIDDEN: _deleted,
    Kind.REACTED: _reacted,
    Kind.PINNED: _pinned,
    Kind.SETTINGS: _settings,
    Kind.RECEIPT_BATCH: _marks,
    Kind.MEDIA: _media,
    Kind.MEDIA_RESOLVED: _refreshed,
}


def group_event(epoch: int, record: Record, now: Any) -> Event:
    """A change of a group, with ``conversation_updated`` before it.

    ``now`` is what change.lua tells of the group, False for those who are no members any more. Who is cut off between
    the two has a cursor that brings both.
    """
    event = message_event(epoch, record)
    event.origin = ""  # the one who changed it sees the system message like everybody
    just_before = encode_cursor(epoch, record.version - 1)
    event.before = make_event("conversation_updated", group_view(record, now), cursor=just_before)
    return event


def group_view(record: Record, now: Any) -> dict[str, Any]:
    if not now:
        return {"id": record.conversation_id, "kind": "group", "left": True}
    kind, info, member_count, members, last_seq = now
    return {
        "id": record.conversation_id,
        "kind": kind,
        **dict(info),
        "memberCount": member_count,
        "lastSeq": last_seq,
        "updatedAt": rfc3339(record.sent_ms),
        **({"members": members_view(members)} if members is not False else {}),
    }


def members_view(flat: list[Any]) -> list[dict[str, Any]]:
    rows = zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
    return [{"userId": u, "role": role, "deliveredSeq": d, "readSeq": r} for u, role, d, r in rows]
