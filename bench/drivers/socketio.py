"""Sessions of Socket.IO: Engine.IO protocol 4, over WebSocket from the start, without permessage-deflate."""

from __future__ import annotations

import json

import msgspec

from bench.ledger import BODY, Listener
from bench.loop import BenchError, Loop
from bench.websocket import WebSocketConnection


class _Data(msgspec.Struct):
    id: str = ""
    status: str = ""
    messages: list[_Data] = []


_decode_event = msgspec.json.Decoder(tuple[str, _Data]).decode
_decode_ack = msgspec.json.Decoder(tuple[_Data]).decode
_BODY = BODY.encode()
_SEND = b'42%d["send_message",{"id":"%b","receiverId":%d,"message":"%b"}]'
_SEND_TO_GROUP = b'42%d["send_group_message",{"id":"%b","groupId":%d,"message":"%b"}]'


class SocketIoSession(WebSocketConnection):
    """One session. With ``group``, joins the room of that group before it is ready, and sends to it."""

    __slots__ = ("acks", "form", "group", "listener", "token")

    def __init__(
        self, loop: Loop, address: tuple[str, int], token: str, listener: Listener, group: int | None = None
    ) -> None:
        super().__init__(loop, address, "/socket.io/?EIO=4&transport=websocket")
        self.token, self.listener, self.group, self.acks = token, listener, group, 0
        self.form = _SEND if group is None else _SEND_TO_GROUP

    def on_ready(self) -> None:
        """Does nothing: the server sends ``0{…}`` (open) first, and the answer is ``40{…}`` (connect)."""

    def send_message(self, message_id: str, target: int) -> None:
        self.acks += 1
        self.send_text(self.form % (self.acks, message_id.encode(), target, _BODY))

    def on_text(self, payload: bytes) -> None:
        kind = payload[:2]
        if kind == b"42":
            self._on_event(payload)
        elif kind == b"43":
            (data,) = _decode_ack(payload[payload.index(b"[") :])
            if data.status == "joined":
                self.listener.ready()
            else:
                self.listener.ack(data.id, data.status)
        elif kind == b"2":
            self.send_text(b"3")
        elif kind == b"40":
            if self.group is None:
                self.listener.ready()
            else:
                self.send_text(b'420["join_group",{"groupId":%d}]' % self.group)
        elif kind[:1] == b"0":
            self.send_text(b"40" + json.dumps({"token": self.token}).encode())
        else:
            raise BenchError(f"unexpected packet from the Socket.IO peer: {payload[:300]!r}")

    def _on_event(self, payload: bytes) -> None:
        name, data = _decode_event(payload[2:])
        if name == "receive_message":
            self.listener.message(data.id)
        elif name == "unread_messages":
            self.listener.unread([message.id for message in data.messages])
        else:
            raise BenchError(f"unexpected event {name!r} from the Socket.IO peer: {payload[:300]!r}")
