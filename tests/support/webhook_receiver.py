"""A host's server on loopback that receives webhooks. It verifies signatures with the package ``standardwebhooks``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.support.stand_in import Handler, StandIn, serving


@dataclass
class Received:
    """One attempt. ``event`` is the verified body."""

    path: str
    id: str
    event: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event["data"]
        return data


Answer = int | tuple[int, dict[str, str]]


class WebhookReceiver(StandIn):
    """``secrets`` maps paths to secrets. ``answer(received)`` returns the status; None means 204."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.secrets: dict[str, str] = {}
        self.attempts: list[Received] = []
        self.arrived: list[Received] = []  # those that were answered with 2xx
        self.answer: Callable[[Received], Answer | None] = lambda received: None
        self._keeping = threading.Lock()

    def url(self, path: str = "/hook") -> str:
        return self.base_url + path

    def of(self, type_: str, **data: Any) -> list[dict[str, Any]]:
        """Returns the events of this type that arrived, whose data have these fields."""
        with self._keeping:
            events = [one.event for one in self.arrived]
        return [
            event
            for event in events
            if event["type"] == type_ and all(event["data"].get(name) == value for name, value in data.items())
        ]

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        event = Webhook(self.secrets[path]).verify(body, headers)
        received = Received(path, headers["webhook-id"], event)
        if event["id"] != received.id:
            self.failures.append(f"{event['id']} came as {received.id}")
        with self._keeping:
            self.attempts.append(received)
        with self.under_way():
            answer = self.answer(received) or 204
        status = answer if isinstance(answer, int) else answer[0]
        if 200 <= status < 300:
            with self._keeping:
                self.arrived.append(received)
        return answer


class _Handler(Handler):
    server: WebhookReceiver

    def do_POST(self) -> None:
        headers, body = self.read()
        answer = self.server.take(self.path, headers, body)
        status, more = (answer, {}) if isinstance(answer, int) else answer
        self.reply(status, more)


def webhook_receiver() -> AbstractContextManager[WebhookReceiver]:
    return serving(WebhookReceiver())
