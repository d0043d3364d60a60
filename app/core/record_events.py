"""Makes events from records: messages, marks, changes of messages and groups (app/core/kinds.py has the table)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from app.core.cursor import encode_cursor
from app.core.events import Event, make_event, mark_event, message_event
from app.core.metadata import with_metadata
from app.core.records import DraftBody, MessageBody, Record, decode_as, decode_marks, encode_body
from app.core.times import rfc3339

_encode = msgspec.json.Encoder().encode
MakeEvent = Callable[[int, Record], Event]
_MEMBER_FIELDS = ("userId", "role", "deliveredSeq", "readSeq", "joinedSeq")


def stream_event(name: str, data: bytes, epoch: int, version: int) -> Event:
    """Returns an event of the stream that is not a message."""
    return Event(name, data, version=version, cursor=encode_cursor(epoch, version))


def resync(epoch: int, record: Record) -> Event:
    """The user has other conversations than before. The client reads them again and goes on from this event."""
    cursor = encode_cursor(epoch, record.version)
    return stream_event("resync", b'{"cursor":"%b"}' % cursor.encode(), epoch, record.version)


def about_message(name: str) -> MakeEvent:
    """Returns a maker of ``{id, conversationId, seq, …}``, with the fields of the record's body."""

    def make(epoch: int, record: Record) -> Event:
        body = b"," + record.body.encode() if record.body else b""
        return stream_event(name, b"{%b%b}" % (_place(record), body), epoch, record.version)

    return make


def about_message_by_user(name: str) -> MakeEvent:
    """Returns a maker of ``{id, conversationId, seq, userId, …}``, with the fields of the record's body."""

    def make(epoch: int, record: Record) -> Event:
        data = b'{%b,"userId":%d,%b}' % (_place(record), record.user_id, record.body.encode())
        return stream_event(name, data, epoch, record.version)

    return make


def _place(record: Record) -> bytes:
    return b'"id":%b,"conversationId":%d,"seq":%d' % (_encode(record.id), record.conversation_id, record.seq)


def one_mark(name: str) -> MakeEvent:
    def make(epoch: int, record: Record) -> Event:
        return mark_event(name, epoch, record.conversation_id, record.user_id, record.seq, record.version)

    return make


def many_marks(names: Mapping[int, str]) -> MakeEvent:
    """``names``: kind of the marks -> name of the event."""

    def make(epoch: int, record: Record) -> Event:
        body = decode_marks(record.body)
        data = b'{"conversationId":%d,"userId":%d,"seq":%d,"moved":%d}' % (
            record.conversation_id,
            record.user_id,
            record.seq,
            len(body.moved),
        )
        return stream_event(names[body.mark], data, epoch, record.version)

    return make


def edited(epoch: int, record: Record) -> Event:
    """The message as it is after the edit. If the edit removed the metadata, its record has an empty object; the event
    then has no metadata.
    """
    record = _without_empty_metadata(record)
    data = b'{"conversationId":%d,"seq":%d,"editedAt":"%b",%b}' % (
        record.conversation_id,
        record.seq,
        rfc3339(record.sent_ms).encode(),
        record.body.encode(),
    )
    return stream_event("message_updated", data, epoch, record.version)


def _without_empty_metadata(record: Record) -> Record:
    if '"metadata":{}' not in record.body:
        return record
    body = decode_as(MessageBody, record.body)
    return record._replace(body=encode_body(replace(body, metadata=body.metadata or UNSET)))


def whole_message(epoch: int, record: Record) -> Event:
    """The message as it is now, after its media or its stream ended. If it was edited, ``editedAt`` is in the body."""
    record = _without_empty_metadata(record)
    place = b'"conversationId":%d,"seq":%d' % (record.conversation_id, record.seq)
    return stream_event("message_updated", b"{%b,%b}" % (place, record.body.encode()), epoch, record.version)


def media(epoch: int, record: Record) -> Event:
    data = msgspec.json.decode("{" + record.body + "}")
    return media_event(data, epoch, record.version)


def media_event(data: dict[str, Any], epoch: int, version: int) -> Event:
    """``data`` is the medium after its processing ended."""
    name = "media_failed" if data["status"] == "failed" else "media_ready"
    return stream_event(name, _encode(data), epoch, version)


def progress(_epoch: int, record: Record) -> Event:
    return Event("media_progress", b"{%b}" % record.body.encode())


def settings(epoch: int, record: Record) -> Event:
    changes = msgspec.json.decode("{" + record.body + "}")
    data = _encode(settings_view(record.conversation_id, changes))
    return stream_event("conversation_settings", data, epoch, record.version)


def settings_view(conversation_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    view = {"conversationId": conversation_id, **changes}
    if "mutedUntil" in changes:
        view["mutedUntil"] = rfc3339(changes["mutedUntil"]) if changes["mutedUntil"] else None
    return view


def cleared(epoch: int, record: Record) -> Event:
    data = b'{"conversationId":%d,"seq":%d,%b}' % (record.conversation_id, record.seq, record.body.encode())
    return stream_event("conversation_cleared", data, epoch, record.version)


def draft(epoch: int, record: Record) -> Event:
    """Raises ValueError if the body has another form."""
    view = draft_view(decode_as(DraftBody, record.body), record.sent_ms)
    data = _encode({"conversationId": record.conversation_id, **view})
    return stream_event("draft_updated", data, epoch, record.version)


def draft_view(body: DraftBody, updated_ms: int) -> dict[str, Any]:
    view = {"message": body.message, "updatedAt": rfc3339(updated_ms)}
    if body.reply_to is not None:
        view["replyTo"] = body.reply_to
    return view


def group_event(epoch: int, record: Record, now: Any) -> Event:
    """Returns the system message of a group's change, with ``conversation_updated`` before it.

    ``now`` is the group's new state as change.lua writes it, or False for users who are no longer members. The cursor
    of ``conversation_updated`` is one version back: a client that is cut off between the two gets both again.
    """
    event = message_event(epoch, record)
    event.origin = ""  # the user who made the change gets the system message too, like everybody else
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
        **with_metadata(dict(info)),
        "memberCount": member_count,
        "lastSeq": last_seq,
        "updatedAt": rfc3339(record.sent_ms),
        **({"members": member_views(_fours(members))} if members is not False else {}),
    }


def member_views(members: Iterable[tuple[int, str, int, int, *tuple[int, ...]]]) -> list[dict[str, Any]]:
    """Returns the members from rows (user, role, delivered, read), which may end with the seq of their joining."""
    return [dict(zip(_MEMBER_FIELDS, member, strict=False)) for member in members]


def _fours(flat: list[Any]) -> Iterable[tuple[int, str, int, int]]:
    return zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
