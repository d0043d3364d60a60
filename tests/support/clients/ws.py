"""The WebSocket client: sends commands with a ``ref`` and matches answers to it; every other frame is an event."""

from __future__ import annotations

import itertools
import json
from typing import Any, ClassVar

from tests.support.clients.base import Event, EventClient
from tests.support.clients.raw_ws import HandshakeRefused, WebSocketConnection
from tests.support.clients.rest import Account, Refused, message_body
from tests.support.patience import PATIENCE

__all__ = ["HandshakeRefused", "WsClient"]


class WsClient(EventClient):
    """``credential`` selects how it authenticates: "header", "ticket", or "token" (in the join)."""

    transport: ClassVar[str] = "ws"

    def __init__(self, base_url: str, account: Account, *, credential: str = "header", **kwargs: Any):
        super().__init__(base_url, account, **kwargs)
        self.credential = credential
        self.replies: dict[str, Event] = {}
        self.connection: WebSocketConnection | None = None
        self._refs = itertools.count(1)
        self._generation = 0

    # -- connecting --------------------

    def connect(self, **options: Any) -> WsClient:
        """Opens without joining. Options: ``origin``, ``receive_buffer``, ``headers``, ``query``."""
        headers, query = dict(options.pop("headers", {})), options.pop("query", "")
        if self.credential == "header":
            headers["Authorization"] = f"Bearer {self.account.access_token}"
        elif self.credential == "ticket":
            query = f"?ticket={self.rest.ticket()}"
        self._generation += 1
        generation = self._generation
        self.ended, self.close_code = False, None
        self.connection = WebSocketConnection(
            self.base_url,
            f"/ws{query}",
            headers,
            on_text=lambda text: self._on_text(text, generation),
            on_end=lambda code: self._end(code) if generation == self._generation else None,
            on_failure=self._fail,
            **options,
        )
        self.connection.start()
        return self

    def join(self, cursor: str | None = None, timeout: float = PATIENCE, **data: Any) -> WsClient:
        if self.connection is None or self.ended:
            self.connect()
        body = {"deviceId": self.device_id, "ack": self.ack, "cursor": cursor, **data}
        if self.credential == "token":
            body["token"] = self.account.access_token
        answer = self.command("join", {k: v for k, v in body.items() if v is not None}, timeout)
        assert answer.name == "joined", answer
        self.joined = answer
        if self.cursor is None:
            self.cursor = cursor or answer.data["cursor"]
        return self

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def kill(self) -> None:
        if self.connection is not None:
            self._generation += 1
            self.connection.kill()
            self.ended = True

    # -- frames --------------------

    def command_nowait(self, event: str, data: dict[str, Any]) -> str:
        """Sends a frame and returns the ``ref`` that ``answer`` takes."""
        ref = f"r{next(self._refs)}"
        self.send_text(json.dumps({"event": event, "data": data, "ref": ref}, ensure_ascii=False))
        return ref

    def answer(self, ref: str, timeout: float = PATIENCE) -> Event:
        """Returns the only frame with this ``ref``. Raises Refused if it is an error."""
        found = self.wait(lambda: self.replies.get(ref) or self._lost(), timeout, f"the answer to {ref}")
        if found.name == "error":
            raise Refused(found.data["code"], found.data)
        return found

    def command(self, event: str, data: dict[str, Any], timeout: float = PATIENCE) -> Event:
        return self.answer(self.command_nowait(event, data), timeout)

    def send_text(self, text: str) -> None:
        assert self.connection is not None
        self.connection.send_text(text)

    def _lost(self) -> Event | None:
        if self.ended:
            raise ConnectionError(f"{self._story()}: the connection ended before the answer")
        return None

    def _on_text(self, text: str, generation: int) -> None:
        if generation != self._generation:
            return
        frame = json.loads(text)
        extra = set(frame) - {"event", "data", "ref", "cursor"}
        assert not extra, f"unknown frame members: {extra}"
        event = Event(frame["event"], frame["data"], frame.get("cursor"), frame.get("ref"))
        if event.ref is None:
            self._deliver(event)
            return
        with self._changed:
            assert event.ref not in self.replies, f"two frames answer {event.ref}: {event}"
            self.replies[event.ref] = event
            self._changed.notify_all()

    # -- acting --------------------

    def send_nowait(self, message: str = "hello", **data: Any) -> str:
        body = message_body(data.pop("receiver_id", None), data.pop("conversation_id", None), data)
        return self.command_nowait("send_message", {**body, "message": message})

    def send(self, message: str = "hello", **data: Any) -> dict[str, Any]:
        return self.answer(self.send_nowait(message, **data)).data

    def fetch_unread(self, **data: Any) -> dict[str, Any]:
        names = {"conversation_id": "conversationId", "limit": "limit"}
        answer = self.command("fetch_unread_messages", {names[k]: v for k, v in data.items()})
        assert answer.name == "unread_messages", answer
        return answer.data

    def delivered(self, conversation_id: int, seq: int) -> dict[str, Any]:
        return self.command("message_delivered", {"conversationId": conversation_id, "seq": seq}).data

    def read(self, conversation_id: int, seq: int) -> dict[str, Any]:
        return self.command("message_read", {"conversationId": conversation_id, "seq": seq}).data

    def edit(self, id_: str, message: str, conversation_id: int | None = None, **more: str) -> dict[str, Any]:
        return self._change("edit_message", id_, conversation_id, message=message, **more)

    def delete(self, id_: str, conversation_id: int | None = None, *, scope: str = "everyone") -> dict[str, Any]:
        return self._change("delete_message", id_, conversation_id, scope=scope)

    def react(self, id_: str, emoji: str, conversation_id: int | None = None, *, on: bool = True) -> dict[str, Any]:
        return self._change("react", id_, conversation_id, emoji=emoji, on=on)

    def pin(self, id_: str, conversation_id: int | None = None, *, on: bool = True) -> dict[str, Any]:
        return self._change("pin_message", id_, conversation_id, on=on)

    def _change(self, event: str, id_: str, conversation_id: int | None, **data: Any) -> dict[str, Any]:
        where = {} if conversation_id is None else {"conversationId": conversation_id}
        answer = self.command(event, {"id": id_, **where, **data})
        assert answer.name == "ack", answer
        return answer.data

    def typing(self, typing: bool = True, **target: int) -> None:
        names = {"conversation_id": "conversationId", "receiver_id": "receiverId"}
        self.command_nowait("typing", {**{names[k]: v for k, v in target.items()}, "typing": typing})

    def ping(self, timeout: float = PATIENCE) -> None:
        """Waits until everything sent before has been handled, because commands are handled in order."""
        assert self.command("ping", {}, timeout).name == "pong"

    def presence(self, user_ids: list[int], timeout: float = PATIENCE) -> dict[int, dict[str, Any]]:
        """Subscribes and returns the current presence by user id."""
        start = len(self.events)
        ref = self.command_nowait("presence_subscribe", {"userIds": user_ids})

        def found() -> dict[int, dict[str, Any]] | None:
            reply = self.replies.get(ref)
            if reply is not None and reply.name == "error":
                raise Refused(reply.data["code"], reply.data)
            received = [*self.events[start:], *([reply] if reply else [])]
            states = {e.data["userId"]: e.data for e in received if e.name == "presence"}
            return states if set(user_ids) <= set(states) else None

        return self.wait(found, timeout, f"presence of {user_ids}")
