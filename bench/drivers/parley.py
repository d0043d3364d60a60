"""Sessions of Parley: WebSocket, or a reader by SSE or long-poll beside a WebSocket that sends."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import msgspec

from bench.drivers.http import StreamConnection
from bench.ledger import BODY, Listener
from bench.loop import BenchError, Loop
from bench.websocket import WebSocketConnection


class _Data(msgspec.Struct):
    id: str | int | None = None
    status: str = ""
    messages: list[_Data] = []
    hasMore: bool = False  # noqa: N815 - its name on the wire


class _Event(msgspec.Struct):
    event: str
    data: _Data


class _Poll(msgspec.Struct):
    cursor: str
    events: list[_Event]


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_data = msgspec.json.Decoder(_Data).decode
_decode_poll = msgspec.json.Decoder(_Poll).decode
_BODY = BODY.encode()
# Receipts are part of the work per message: the generator reads them and ignores them.
_IGNORED = {"message_delivered", "message_read", "presence", "typing", "conversation_updated"}


def _dispatch(listener: Listener, name: str, data: _Data, raw: bytes) -> None:
    if name == "receive_message":
        listener.message(str(data.id))
    elif name == "ack":
        if data.id is not None:
            listener.ack(str(data.id), data.status)
    elif name == "joined":
        listener.ready()
    elif name == "unread_messages":
        if data.hasMore:
            raise BenchError("one answer does not hold all unread messages, but the scenario requires it")
        listener.unread([str(message.id) for message in data.messages])
    elif name not in _IGNORED:
        raise BenchError(f"unexpected event {name!r} from Parley: {raw[:300]!r}")


class WebSocketSession(WebSocketConnection):
    """Joins with the token of its header. With ``fetch``, requests all unread messages as soon as it has joined."""

    __slots__ = ("fetch", "listener")

    def __init__(
        self, loop: Loop, address: tuple[str, int], token: str, listener: Listener, fetch: bool = False
    ) -> None:
        super().__init__(loop, address, "/ws", f"Authorization: Bearer {token}\r\n")
        self.listener, self.fetch = listener, fetch

    def on_ready(self) -> None:
        self.send_text(b'{"event":"join","data":{}}')
        if self.fetch:
            self.send_text(b'{"event":"fetch_unread_messages","data":{"limit":200}}')

    def send_message(self, message_id: str, target: int) -> None:
        self.send_text(
            b'{"event":"send_message","data":{"id":"%b","conversationId":%d,"message":"%b"}}'
            % (message_id.encode(), target, _BODY)
        )

    def on_text(self, payload: bytes) -> None:
        event = _decode_event(payload)
        _dispatch(self.listener, event.event, event.data, payload)


class SseReader(StreamConnection):
    """Reads one endless response. An event is a block of lines that ends with an empty line."""

    __slots__ = ("listener", "token")

    def __init__(self, loop: Loop, address: tuple[str, int], token: str, listener: Listener) -> None:
        super().__init__(loop, address)
        self.token, self.listener = token, listener

    def on_open(self) -> None:
        self.request("/api/v1/events", f"Authorization: Bearer {self.token}\r\nAccept: text/event-stream\r\n")

    def on_body(self, body: bytes, ended: bool) -> bytes:
        if ended:
            raise BenchError("the SSE stream ended")
        *blocks, rest = body.split(b"\n\n")
        for block in blocks:
            self._on_block(block)
        return rest

    def _on_block(self, block: bytes) -> None:
        name, data = "", b""
        for line in block.split(b"\n"):
            if line.startswith(b"data:"):
                data = line[5:]
            elif line.startswith(b"event:"):
                name = line[6:].strip().decode()
        if name:
            _dispatch(self.listener, name, _decode_data(data), block)


Answered = Callable[[bytes], None]


class RestReader(StreamConnection):
    """Sends one GET at a time, on the same connection until the server closes it (``closed``)."""

    __slots__ = ("answered", "waiting")

    def __init__(self, loop: Loop, address: tuple[str, int]) -> None:
        super().__init__(loop, address)
        self.answered: Answered | None = None
        self.waiting: tuple[str, str] | None = None

    def get(self, path: str, token: str, answered: Answered) -> None:
        """Calls ``answered(body)`` when a whole 200 response has arrived."""
        self.answered = answered
        headers = f"Authorization: Bearer {token}\r\n"
        if self.opened:
            self.request(path, headers)
        else:
            self.waiting = path, headers

    def on_open(self) -> None:
        if self.waiting is not None:
            self.request(*self.waiting)

    def on_body(self, body: bytes, ended: bool) -> bytes:
        if not ended:
            return body
        answered, self.answered = self.answered, None
        if self.must_close:
            self.close()
        if answered is not None:
            answered(body)
        return b""

    def on_end(self) -> None:
        if self.answered is not None:
            raise BenchError("the server closed a connection without an answer")


class LongPollReader(StreamConnection):
    """Polls again with the new cursor after each answer, on the same connection until the server closes it."""

    __slots__ = ("address", "cursor", "listener", "token")

    def __init__(self, loop: Loop, address: tuple[str, int], token: str, listener: Listener, cursor: str = "") -> None:
        super().__init__(loop, address)
        self.address, self.token, self.listener, self.cursor = address, token, listener, cursor

    def on_open(self) -> None:
        self.poll()

    def poll(self) -> None:
        query = f"cursor={quote(self.cursor, safe='')}&wait=25" if self.cursor else "wait=25"
        self.request(f"/api/v1/events/poll?{query}", f"Authorization: Bearer {self.token}\r\n")

    def on_body(self, body: bytes, ended: bool) -> bytes:
        if not ended:
            return body
        answer = _decode_poll(body)
        self.cursor = answer.cursor
        if self.must_close:  # the server closes the connection: continue on a new one
            self.close()
            LongPollReader(self.loop, self.address, self.token, self.listener, self.cursor)
        else:
            self.poll()
        for event in answer.events:
            _dispatch(self.listener, event.event, event.data, body)
        return b""

    def on_end(self) -> None:
        if self.awaiting:
            raise BenchError("the server closed a poll without an answer")
        LongPollReader(self.loop, self.address, self.token, self.listener, self.cursor)
