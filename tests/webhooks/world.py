"""The webhook runner over real stores, without other processes."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis
from sqlalchemy import Engine, text

from app.clock import now_ms
from app.core.webhook_signature import secret_of
from app.services.webhooks.run_webhooks import WebhookRunner
from app.services.webhooks.webhook_sender import WebhookSender
from app.store import webhooks as store
from app.store.engine import reading, writing
from app.store.host_events import NewEvent, insert_events
from tests.support.webhook_receiver import WebhookReceiver

_lanes = itertools.count(1)


@dataclass
class World:
    engine: Engine
    redis: redis.Redis
    receiver: WebhookReceiver
    counted: Counter[str] = field(default_factory=Counter)

    def webhook(self, path: str = "", **more: Any) -> int:
        """Adds a webhook at the receiver, at a path of its own."""
        path = path or f"/hook-{secrets.token_hex(4)}"
        self.receiver.secrets[path] = secret = secret_of(secrets.token_bytes(24))
        wanted = {"url": self.receiver.url(path), "types": None, "description": "", "secret": secret, **more}
        with writing(self.engine) as conn:
            return store.add_webhook(conn, **wanted)

    def events(self, *lanes: int, type_: str = "message.created") -> None:
        """Adds an event to each of the lanes, in one transaction. Its data contain its number within its lane."""
        new = [
            NewEvent(lane, type_, b'{"lane":%d,"n":%d}' % (lane, n), now_ms()) for n, lane in enumerate(lanes, start=1)
        ]
        with writing(self.engine) as conn:
            insert_events(conn, new)

    def lane(self) -> int:
        return 1_000_000 + next(_lanes)

    def runner(self, *, stopping: Any = lambda: False, sender: WebhookSender | None = None) -> WebhookRunner:
        return WebhookRunner(
            self.engine,
            self.redis,
            self.redis,
            sender or WebhookSender(["127.0.0.1"], connections=50),
            stopping=stopping,
            alive=lambda: None,
            counted=self.counted,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """A runner that starts again whenever it ends, as beat starts it."""
        done = threading.Event()

        def run() -> None:
            while not done.is_set():
                self.runner(stopping=done.is_set).run()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def deliveries(self, webhook: int) -> list[store.StoredDelivery]:
        with reading(self.engine) as conn:
            return store.list_deliveries(conn, webhook, None, store.NEWEST, 1000)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with reading(self.engine) as conn:
            return [tuple(row) for row in conn.execute(text(query), values)]

    def run(self, statement: str, **values: Any) -> None:
        with writing(self.engine) as conn:
            conn.execute(text(statement), values)
