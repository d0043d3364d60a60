"""The events for servers of hosts, sent by webhook and read from the feed: their types, and the events of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from app.core.events import message_data
from app.core.record_events import edited, whole_message
from app.core.records import HOST, Record

TYPES = (
    "message.created",
    "message.updated",
    "message.deleted",
    "reaction.added",
    "reaction.removed",
    "conversation.created",
    "conversation.updated",
    "conversation.deleted",
    "member.added",
    "member.removed",
    "user.created",
    "user.updated",
    "user.deleted",
    "user.online",
    "user.offline",
    "media.ready",
    "report.created",
    "notification.undelivered",
)
_PREFIX = "evt_"
_encode = msgspec.json.Encoder().encode


class FedEvent(NamedTuple):
    """One event of a record. ``data`` is JSON. If it is None, the event shows the conversation after the batch."""

    type: str
    data: bytes | None


# Returns the events of a record. ``body`` is the decoded body.
MakeFed = Callable[[Record, Any], Iterable[FedEvent]]


def event_id(number: int) -> str:
    return f"{_PREFIX}{number}"


def number_of(event: str) -> int | None:
    """Returns the number of an event's id, which is also a cursor of the feed. Returns None for any other text."""
    digits = event.removeprefix(_PREFIX)
    if not event.startswith(_PREFIX) or not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        return None
    return int(digits)


def user_lane(user_id: int) -> int:
    """Returns the lane of events about a user. The lane of events about a conversation is the conversation's id."""
    return -user_id


def created(record: Record, body: Any) -> Iterable[FedEvent]:
    if body.imported:  # it comes from the host
        return ()
    return (FedEvent("message.created", message_data(record)),)


def shadowed(make: MakeFed) -> MakeFed:
    """Returns a maker of the same events with ``shadow``, for something that only its user sees."""
    return lambda record, body: [event._replace(data=marked_shadow(event.data)) for event in make(record, body)]


def marked_shadow(data: bytes | None) -> bytes | None:
    """Returns the JSON object with ``"shadow":true``."""
    return data and data[:-1] + b',"shadow":true}'


def updated(record: Record, _body: Any) -> Iterable[FedEvent]:
    return (FedEvent("message.updated", edited(0, record).data),)


def stream_ended(record: Record, _body: Any) -> Iterable[FedEvent]:
    return (FedEvent("message.updated", whole_message(0, record).data),)


def deleted(record: Record, _body: Any) -> Iterable[FedEvent]:
    return (FedEvent("message.deleted", _encode({**_place(record), "userId": _doer(record)})),)


def reacted(record: Record, body: Any) -> Iterable[FedEvent]:
    data = {**_place(record), "userId": record.user_id, "emoji": body.emoji}
    return (FedEvent("reaction.added" if body.on else "reaction.removed", _encode(data)),)


def media(record: Record, _body: Any) -> Iterable[FedEvent]:
    data = b"{" + record.body.encode() + b"}"
    if msgspec.json.decode(data).get("status") == "failed":
        return ()
    return (FedEvent("media.ready", data),)


def group_changed(record: Record, body: Any) -> Iterable[FedEvent]:
    """Returns the event of the system message, and those of the change that it describes."""
    system = body.system
    act = _GROUP_ACTS.get(system["type"])
    if act == "conversation.created":  # comes before its first message
        return (FedEvent(act, None), *created(record, body))
    if act in ("member.added", "member.removed"):
        users = system.get("userIds", [record.user_id])
        return (*created(record, body), *(_membership(act, record, user) for user in users))
    return (*created(record, body), FedEvent("conversation.updated", None))


_GROUP_ACTS = {
    "created": "conversation.created",
    "added": "member.added",
    "joined": "member.added",
    "removed": "member.removed",
    "left": "member.removed",
}


def _membership(act: str, record: Record, user_id: int) -> FedEvent:
    data = {"conversationId": record.conversation_id, "userId": user_id, "by": _doer(record), "seq": record.seq}
    return FedEvent(act, _encode(data))


def _doer(record: Record) -> int | None:
    """Returns the user who made the change; None for the host's server, as in ``senderId``."""
    return None if record.user_id == HOST else record.user_id


def _place(record: Record) -> dict[str, Any]:
    return {"id": record.id, "conversationId": record.conversation_id, "seq": record.seq}
