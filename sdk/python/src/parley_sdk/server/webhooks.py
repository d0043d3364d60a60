"""Webhooks, and the feed of the same events for hosts that pull."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

from parley_sdk.calls import UNSET, AsyncCaller, Call, SyncCaller, Unset, listed, operation, present
from parley_sdk.models import Accepted, DeliveryList, FeedPage, NewWebhook, WebhookEndpoint, WebhookList

WEBHOOK = "/webhooks/{webhookId}"
POLL_SECONDS = 25


class WebhookOperations:
    @operation("POST", "/webhooks", repeatable=False)
    def create(
        self, url: str, *, types: Sequence[str] | Unset = UNSET, description: str | Unset = UNSET
    ) -> Call[NewWebhook]:
        """Adds an address that gets webhooks. The answer shows the secret, once."""
        return Call(body=present(url=url, types=listed(types), description=description))

    @operation("GET", "/webhooks")
    def list(self) -> Call[WebhookList]:
        """Returns all webhooks."""
        return Call()

    @operation("PATCH", WEBHOOK)
    def change(
        self,
        webhook_id: int,
        *,
        url: str | Unset = UNSET,
        types: Sequence[str] | Unset | None = UNSET,
        description: str | Unset = UNSET,
        state: Literal["on", "off"] | Unset = UNSET,
    ) -> Call[WebhookEndpoint]:
        """Changes the given fields. ``types`` None means all types, and ``state`` switches the webhook on or off."""
        return Call(str(webhook_id), body=present(url=url, types=types, description=description, state=state))

    @operation("DELETE", WEBHOOK)
    def delete(self, webhook_id: int) -> Call[None]:
        """Removes the webhook."""
        return Call(str(webhook_id))

    @operation("GET", f"{WEBHOOK}/deliveries")
    def deliveries(
        self,
        webhook_id: int,
        *,
        state: Literal["pending", "delivered", "failed"] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Call[DeliveryList]:
        """Returns the deliveries, in a state or all, page by page."""
        return Call(str(webhook_id), query={"state": state, "cursor": cursor, "limit": limit})

    @operation("POST", f"{WEBHOOK}/replay")
    def replay(self, webhook_id: int, after: str) -> Call[Accepted]:
        """Delivers everything after an event (its id, or a cursor of the feed) again."""
        return Call(str(webhook_id), body={"after": after})


class EventOperations:
    @operation("GET", "/events")
    def poll(
        self,
        cursor: str | None = None,
        *,
        wait: float | None = None,
        types: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Call[FeedPage]:
        """Returns the events after a cursor, and waits up to ``wait`` seconds for the first one."""
        joined = ",".join(types) if types is not None else None
        # The connection must outlive the wait.
        timeout = None if wait is None else wait + 10.0
        return Call(query={"cursor": cursor, "wait": wait, "types": joined, "limit": limit}, timeout=timeout)


class Webhooks(WebhookOperations, SyncCaller):
    """The webhooks of a ``ParleyServer``."""


class AsyncWebhooks(WebhookOperations, AsyncCaller):
    """The webhooks of an ``AsyncParleyServer``."""


class Events(EventOperations, SyncCaller):
    """The feed of a ``ParleyServer``."""

    def follow(self, cursor: str | None = None, *, types: Sequence[str] | None = None) -> Iterator[FeedPage]:
        """Yields pages with events or ``lost`` for ever. Keep the ``cursor`` of a page after handling its events."""
        while True:
            page = self.poll(cursor, wait=POLL_SECONDS, types=types)
            cursor = page["cursor"]
            if page["events"] or page.get("lost"):
                yield page


class AsyncEvents(EventOperations, AsyncCaller):
    """The feed of an ``AsyncParleyServer``."""

    async def follow(self, cursor: str | None = None, *, types: Sequence[str] | None = None) -> AsyncIterator[FeedPage]:
        """Yields pages with events or ``lost`` for ever. Keep the ``cursor`` of a page after handling its events."""
        while True:
            page = await self.poll(cursor, wait=POLL_SECONDS, types=types)
            cursor = page["cursor"]
            if page["events"] or page.get("lost"):
                yield page
