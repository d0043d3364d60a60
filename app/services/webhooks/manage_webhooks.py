"""Adds, shows, changes and deletes webhooks for the host's server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import cast

from msgspec import UNSET, UnsetType
from sqlalchemy import Engine

from app.core.errors import Conflict, Invalid, NotFound
from app.core.host_events import event_id, number_of
from app.core.times import rfc3339
from app.core.webhook_signature import SECRET_BYTES, secret_of
from app.core.webhooks import (
    MAX_WEBHOOKS,
    DeliveryList,
    DeliveryState,
    DeliveryView,
    NewWebhook,
    State,
    WebhookList,
    WebhookMade,
    WebhookPatch,
    WebhookView,
    checked_address,
    checked_types,
    is_private,
)
from app.push.endpoint import is_forbidden_literal
from app.services.audit.record import record
from app.store import webhooks as store
from app.store.engine import reading, writing
from app.store.webhook_queue import retry_now
from app.store.webhooks import StoredDelivery, StoredWebhook

# One call of ``replay`` deletes ended deliveries for at most this time.
REPLAY_SECONDS = 3.0


class Webhooks:
    """``private_hosts``: the hosts that may have private addresses. ``wake`` starts the runner.

    All methods raise Overloaded if Postgres does not answer. Methods for one webhook raise NotFound if there is none.
    """

    def __init__(self, *, engine: Engine, private_hosts: tuple[str, ...], wake: Callable[[], None]) -> None:
        self._engine = engine
        self._private_hosts = private_hosts
        self._wake = wake

    def add(self, wanted: NewWebhook, *, server_key: str) -> WebhookMade:
        """Raises Invalid, and Conflict if there are too many."""
        self._check_address(wanted.url)
        types = None if wanted.types is None else checked_types(wanted.types)
        secret = secret_of(secrets.token_bytes(SECRET_BYTES))
        with writing(self._engine) as conn:
            if store.count_webhooks(conn) >= MAX_WEBHOOKS:
                raise Conflict(f"There are {MAX_WEBHOOKS} webhooks. Delete one first.")
            made = store.add_webhook(conn, url=wanted.url, types=types, description=wanted.description, secret=secret)
            record(conn, "webhook.added", webhookId=made, serverKey=server_key)
        return WebhookMade(webhook_id=made, secret=secret)

    def _check_address(self, url: str) -> None:
        """Raises Invalid for an address that would not be called. Names are resolved only when they are called."""
        host = checked_address(url, self._private_hosts)
        if is_forbidden_literal(host) and not is_private(host, self._private_hosts):
            raise Invalid.field("url", "is not a public address")

    def list(self) -> WebhookList:
        with reading(self._engine) as conn:
            return WebhookList(webhooks=[_view(row) for row in store.list_webhooks(conn)])

    def change(self, webhook_id: int, patch: WebhookPatch, *, server_key: str) -> WebhookView:
        """A webhook that is switched on is tried at once. Raises Invalid."""
        if isinstance(patch.url, str):
            self._check_address(patch.url)
        types = patch.types if isinstance(patch.types, UnsetType) or patch.types is None else checked_types(patch.types)
        with writing(self._engine) as conn:
            changed = store.change_webhook(
                conn, webhook_id, url=patch.url, types=types, description=patch.description, state=patch.state
            )
            if changed is None:
                raise NotFound("No such webhook.")
            if patch.state == "on":
                retry_now(conn, webhook_id)
            record(conn, "webhook.changed", webhookId=webhook_id, serverKey=server_key)
        if patch.state == "on":
            self._wake()
        return _view(changed)

    def delete(self, webhook_id: int, *, server_key: str) -> None:
        """Pending deliveries are dropped."""
        with writing(self._engine) as conn:
            if not store.delete_webhook(conn, webhook_id):
                raise NotFound("No such webhook.")
            record(conn, "webhook.deleted", webhookId=webhook_id, serverKey=server_key)

    def deliveries(self, webhook_id: int, state: str | None, cursor: str | None, limit: int) -> DeliveryList:
        """Returns a page of the deliveries, newest first. Raises Invalid for a malformed cursor."""
        before = store.NEWEST if cursor is None else checked_position(cursor, "cursor")
        with reading(self._engine) as conn:
            _require(store.get_webhook(conn, webhook_id))
            found = store.list_deliveries(conn, webhook_id, state, before, limit + 1)
        shown = found[:limit]
        return DeliveryList(
            deliveries=[_delivery(row) for row in shown],
            cursor=event_id(shown[-1].event_id) if len(found) > limit else UNSET,
        )

    def replay(self, webhook_id: int, after: str, *, server_key: str) -> bool:
        """Delivers the events after ``after`` again, as far as the feed goes back. Returns False if there are too many
        deliveries for one call; then, call it again. Raises Invalid unless ``after`` is the id of an event.
        """
        position = checked_position(after, "after")
        with reading(self._engine) as conn:
            _require(store.get_webhook(conn, webhook_id))
        until = time.monotonic() + REPLAY_SECONDS
        while True:
            with writing(self._engine) as conn:
                if not store.forget_ended(conn, webhook_id, position):
                    store.move_back(conn, webhook_id, position)
                    record(conn, "webhook.replayed", webhookId=webhook_id, after=after, serverKey=server_key)
                    break
            if time.monotonic() > until:
                return False
        self._wake()
        return True


def checked_position(text: str, field: str) -> int:
    """Returns the number of an event's id, or of a cursor of the feed. Raises Invalid."""
    number = number_of(text)
    if number is None:
        raise Invalid.field(field, "is not the id of an event")
    return number


def _require(webhook: StoredWebhook | None) -> None:
    if webhook is None:
        raise NotFound("No such webhook.")


def _view(row: StoredWebhook) -> WebhookView:
    return WebhookView(
        webhook_id=row.id,
        url=row.url,
        description=row.description,
        state=cast(State, row.state),
        created_at=rfc3339(row.created_ms),
        types=UNSET if row.types is None else row.types,
        off_reason=UNSET if row.off_reason is None else row.off_reason,
        failing_since=_time(row.failing_since_ms),
        delivered_at=_time(row.delivered_ms),
    )


def _delivery(row: StoredDelivery) -> DeliveryView:
    return DeliveryView(
        id=event_id(row.event_id),
        state=cast(DeliveryState, row.state),
        attempts=row.attempts,
        created_at=rfc3339(row.created_ms),
        type=UNSET if row.type is None else row.type,
        status=UNSET if row.status is None else row.status,
        error=UNSET if row.error is None else row.error,
        ended_at=_time(row.ended_ms),
    )


def _time(ms: int | None) -> str | UnsetType:
    return UNSET if ms is None else rfc3339(ms)
