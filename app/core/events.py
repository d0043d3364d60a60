"""Events of the stream. Each is encoded once per transport, for any number of sessions."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.cursor import encode_cursor
from app.core.records import Record
from app.core.times import rfc3339
from app.core.unknown_fields import NotedRef
from app.core.ws_codec import encode_text

_encode = msgspec.json.Encoder().encode


class Event:
    """One event. ``version`` orders it in the stream; it is 0 for ephemeral events and answers.

    ``cursor`` is the position of a client that has received it. ``before`` is an event of the same version that is sent
    first. ``conversation_id``, ``seq`` and ``sender_id`` are set on messages, to mark them delivered. ``origin`` is the
    session that sent the message and gets no copy.
    """

    __slots__ = (
        "_frame",
        "_sse",
        "before",
        "conversation_id",
        "cursor",
        "data",
        "name",
        "origin",
        "sender_id",
        "seq",
        "version",
    )

    def __init__(
        self,
        name: str,
        data: bytes,
        *,
        version: int = 0,
        cursor: str = "",
        conversation_id: int = 0,
        seq: int = 0,
        sender_id: int = 0,
        origin: str = "",
        before: Event | None = None,
    ) -> None:
        self.name = name
        self.data = data
        self.version = version
        self.cursor = cursor
        self.conversation_id = conversation_id
        self.seq = seq
        self.sender_id = sender_id
        self.origin = origin
        self.before = before
        self._frame: bytes | None = None
        self._sse: bytes | None = None

    @property
    def json(self) -> bytes:
        """``{"event", "data", "cursor"?}``: one element of a long-poll, or two if there is an event ``before`` it."""
        if self.before is not None:
            return self.before.json + b"," + self._payload
        return self._payload

    @property
    def _payload(self) -> bytes:
        if self.cursor:
            return b'{"event":"%b","data":%b,"cursor":"%b"}' % (
                self.name.encode(),
                self.data,
                self.cursor.encode(),
            )
        return b'{"event":"%b","data":%b}' % (self.name.encode(), self.data)

    @property
    def frame(self) -> bytes:
        """The complete WebSocket frame. Server frames have no mask, so every receiver gets the same bytes."""
        if self._frame is None:
            before = self.before.frame if self.before is not None else b""
            self._frame = before + encode_text(self._payload)
        return self._frame

    @property
    def sse(self) -> bytes:
        """The block of an event stream (WHATWG HTML, section 9.2.5). ``data`` is JSON, which has no line breaks."""
        if self._sse is None:
            position = b"id:%b\n" % self.cursor.encode() if self.cursor else b""
            before = self.before.sse if self.before is not None else b""
            self._sse = b"%b%bevent:%b\ndata:%b\n\n" % (before, position, self.name.encode(), self.data)
        return self._sse


class EventBatch(Event):
    """Consecutive events for the same sessions, written as one. When the fifty members of a group get each other's
    marks, each session gets fifty.
    """

    __slots__ = ("parts",)

    def __init__(self, parts: list[Event]) -> None:
        last = parts[-1]
        super().__init__(last.name, last.data, version=last.version, cursor=last.cursor)
        self.parts = parts

    @property
    def frame(self) -> bytes:
        if self._frame is None:
            self._frame = b"".join([part.frame for part in self.parts])
        return self._frame

    @property
    def sse(self) -> bytes:
        if self._sse is None:
            self._sse = b"".join([part.sse for part in self.parts])
        return self._sse


def with_cursor(event: Event, cursor: str) -> Event:
    """Returns a copy of an ephemeral event for a client at ``cursor``."""
    return Event(event.name, event.data, cursor=cursor)


def make_event(name: str, data: Any, *, cursor: str = "") -> Event:
    return Event(name, _encode(data), cursor=cursor)


def answer_frame(name: str, data: Any, ref: str | None) -> bytes:
    """Returns the frame that answers a command, with its ``ref``, and with the names of fields that were ignored."""
    if type(ref) is NotedRef:
        data, ref = {**data, "ignored": ref.ignored}, ref.given
    if ref is None:
        return encode_text(b'{"event":"%b","data":%b}' % (name.encode(), _encode(data)))
    return encode_text(b'{"event":"%b","data":%b,"ref":%b}' % (name.encode(), _encode(data), _encode(ref)))


def message_data(record: Record) -> bytes:
    """Returns the ``data`` of ``receive_message`` for a record of the log."""
    return b'{"conversationId":%d,"seq":%d,"sentAt":"%b",%b}' % (
        record.conversation_id,
        record.seq,
        rfc3339(record.sent_ms).encode(),
        record.body.encode(),
    )


def message_event(epoch: int, record: Record) -> Event:
    return Event(
        "receive_message",
        message_data(record),
        version=record.version,
        cursor=encode_cursor(epoch, record.version),
        conversation_id=record.conversation_id,
        seq=record.seq,
        sender_id=record.user_id,
        origin=record.session_id,
    )


def mark_event(name: str, epoch: int, conversation_id: int, user_id: int, seq: int, version: int) -> Event:
    data = b'{"conversationId":%d,"userId":%d,"seq":%d}' % (conversation_id, user_id, seq)
    return Event(name, data, version=version, cursor=encode_cursor(epoch, version))


def typing_event(conversation_id: int, user_id: int, on: bool) -> Event:
    flag = b"true" if on else b"false"
    return Event("typing", b'{"conversationId":%d,"userId":%d,"typing":%b}' % (conversation_id, user_id, flag))


def custom_event(conversation_id: int, user_id: int, body: str) -> Event:
    return Event("custom", b'{"conversationId":%d,"userId":%d,%b}' % (conversation_id, user_id, body.encode()))


def append_event(conversation_id: int, seq: int, id_: str, start: int, text: str, origin: str) -> Event:
    """Returns an event without a version. A session sends it when it comes, but after the events that it is still
    reading.
    """
    data = {"id": id_, "conversationId": conversation_id, "seq": seq, "from": start, "text": text}
    return Event("message_append", _encode(data), origin=origin)


def user_event(view: dict[str, Any]) -> Event:
    return make_event("user_updated", view)


def request_event(view: dict[str, Any]) -> Event:
    return make_event("request_updated", view)


def presence_event(user_id: int, online: bool, last_seen_ms: int | None) -> Event:
    seen = rfc3339(last_seen_ms) if last_seen_ms else None
    return make_event("presence", {"userId": user_id, "status": "online" if online else "offline", "lastSeen": seen})
