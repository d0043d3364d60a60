"""The clients of the server API. Both have the same operations, in groups: ``server.users.put(…)``."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any, Self

import httpx

from parley_sdk.calls import Request
from parley_sdk.retry import Outcome, Pause, Retry, attempts
from parley_sdk.server.conversations import AsyncConversations, Conversations
from parley_sdk.server.imports import AsyncImports, Imports
from parley_sdk.server.messages import AsyncMessages, Messages
from parley_sdk.server.streams import AsyncStreams, Streams
from parley_sdk.server.users import AsyncUsers, Users
from parley_sdk.server.webhooks import AsyncEvents, AsyncWebhooks, Events, Webhooks

TIMEOUT_SECONDS = 15.0


class ParleyServer:
    """Calls Parley with a server key. Threads may share one; close it, or use it with ``with``.

    ``options`` go to ``httpx.Client``, for example ``transport``, ``verify`` or ``event_hooks``.
    """

    def __init__(
        self, url: str, key: str, *, retry: Retry | None = None, timeout: float = TIMEOUT_SECONDS, **options: Any
    ) -> None:
        self._options = _options(url, key, timeout, options)
        self._retry = retry or Retry()
        self._lock = threading.Lock()
        self._client: tuple[int, httpx.Client] | None = None
        self.users = Users(self._run)
        self.conversations = Conversations(self._run)
        self.messages = Messages(self._run)
        self.streams = Streams(self._run)
        self.webhooks = Webhooks(self._run)
        self.events = Events(self._run)
        self.imports = Imports(self._run)

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client[1].close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, request: Request) -> Any:
        steps, outcome = attempts(request, self._retry), None
        try:
            while True:
                outcome = self._step(steps.send(outcome))
        except StopIteration as end:
            return end.value

    def _step(self, step: Request | Pause) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        client = self._connected()
        try:
            return client.send(_prepared(client, step))
        except httpx.RequestError as error:
            return error

    def _connected(self) -> httpx.Client:
        """Returns this process's client: a forked child must not share the connections of its parent."""
        with self._lock:
            if self._client is None or self._client[0] != os.getpid():
                self._client = (os.getpid(), httpx.Client(**self._options))
            return self._client[1]


class AsyncParleyServer:
    """``ParleyServer`` for asyncio: every operation is awaited. Close it with ``aclose`` or ``async with``."""

    def __init__(
        self, url: str, key: str, *, retry: Retry | None = None, timeout: float = TIMEOUT_SECONDS, **options: Any
    ) -> None:
        self._client = httpx.AsyncClient(**_options(url, key, timeout, options))
        self._retry = retry or Retry()
        self.users = AsyncUsers(self._run)
        self.conversations = AsyncConversations(self._run)
        self.messages = AsyncMessages(self._run)
        self.streams = AsyncStreams(self._run)
        self.webhooks = AsyncWebhooks(self._run)
        self.events = AsyncEvents(self._run)
        self.imports = AsyncImports(self._run)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, request: Request) -> Any:
        steps, outcome = attempts(request, self._retry), None
        try:
            while True:
                outcome = await self._step(steps.send(outcome))
        except StopIteration as end:
            return end.value

    async def _step(self, step: Request | Pause) -> Outcome:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._client.send(_prepared(self._client, step))
        except httpx.RequestError as error:
            return error


def _options(url: str, key: str, timeout: float, options: dict[str, Any]) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"The address of Parley must begin with https://, not {url!r}.")
    headers = {**options.pop("headers", {}), "Authorization": f"Bearer {key}"}
    return {"base_url": url, "headers": headers, "timeout": timeout, **options}


def _prepared(client: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    headers = {"Content-Type": request.content_type} if request.content is not None else {}
    more: dict[str, Any] = {} if request.timeout is None else {"timeout": request.timeout}
    return client.build_request(
        request.method, request.path, params=request.query, content=request.content, headers=headers, **more
    )
