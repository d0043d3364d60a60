"""A stand-in for the part of Parley that the outbox calls, on loopback. It stores an id once, as Parley does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from tests.support import stand_in
from tests.support.patience import PATIENCE

Body = dict[str, Any]
Answer = dict[str, Any] | None


class StandIn(stand_in.StandIn):
    """``stored`` has every message in the order in which it was stored, ``requests`` every one that arrived.

    ``answer(message)`` may return a problem in place of the ack. ``before_answer`` runs when the messages are stored
    and their answer is not sent yet. ``fails(messages)`` may return the status of a failure of the whole request.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.stored: list[Body] = []
        self.requests: list[list[Body]] = []
        self.answer: Callable[[Body], Answer] = lambda _: None
        self.before_answer: Callable[[], None] = lambda: None
        self.fails: Callable[[list[Body]], int | None] = lambda _: None
        self._changed = threading.Condition()

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.stored]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), self.requests

    def batch(self, messages: list[Body]) -> list[Body]:
        with self._changed:
            self.requests.append(messages)
            results = [self._store(message) for message in messages]
            self._changed.notify_all()
        self.before_answer()
        return results

    def _store(self, message: Body) -> Body:
        other = self.answer(message)
        if other is not None:
            return other
        earlier = next((kept for kept in self.stored if kept["id"] == message["id"]), None)
        if earlier is None:
            self.stored.append(message)
        return {"id": message["id"], "conversationId": 1, "seq": len(self.stored), "status": "stored"}


class _Handler(stand_in.Handler):
    server: StandIn
    wbufsize = -1  # head and body in one packet

    def do_POST(self) -> None:
        messages = json.loads(self.read()[1])["messages"]
        assert self.path == "/api/v1/server/messages/batch"
        status = self.server.fails(messages)
        answer = {"results": self.server.batch(messages)} if status is None else {"code": "internal"}
        self.reply(status or 200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
