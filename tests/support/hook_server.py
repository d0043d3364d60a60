"""A host's server on loopback that answers the hook before sending."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.support.stand_in import Handler, StandIn, serving

Message = dict[str, Any]


class HookServer(StandIn):
    """``decide(message)`` returns a result; None allows. ``answer`` replaces the whole answer: (status, body).
    ``pause``: seconds between two bytes of an answer.
    """

    def __init__(self, secret: str) -> None:
        super().__init__(_Handler)
        self.secret = secret
        self.calls: list[list[Message]] = []
        self.decide: Callable[[Message], dict[str, Any] | None] = lambda message: None
        self.answer: tuple[int, bytes] | None = None
        self.pause = 0.0

    @property
    def url(self) -> str:
        return f"{self.base_url}/hook"

    def asked(self, text: str) -> list[Message]:
        return [message for call in list(self.calls) for message in call if message["message"] == text]

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        messages = Webhook(self.secret).verify(body, headers)["messages"]
        self.calls.append(messages)
        with self.under_way():
            results = [self.decide(message) or {"action": "allow"} for message in messages]
        return self.answer or (200, json.dumps({"results": results}).encode())


class _Handler(Handler):
    server: HookServer

    def do_POST(self) -> None:
        headers, body = self.read()
        status, answer = self.server.take(headers, body)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(answer))}
        if not self.server.pause:
            self.reply(status, fields, answer)
            return
        self.reply(status, fields)
        for byte in answer:
            time.sleep(self.server.pause)
            self.wfile.write(bytes([byte]))


def hook_server(secret: str) -> AbstractContextManager[HookServer]:
    return serving(HookServer(secret))
