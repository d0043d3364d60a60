"""Webhooks: the addresses of hosts that get events."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.host_feed import begin_feed, last_event
from app.store.models import Webhook
from app.store.sql import HotStatement, as_ms, first, ms_of, structs


class StoredWebhook(Struct, frozen=True):
    """``types`` is None for all types."""

    id: int
    url: str
    types: list[str] | None
    description: str
    state: str
    off_reason: str | None
    created_ms: int
    failing_since_ms: int | None
    delivered_ms: int | None


class StoredDelivery(Struct, frozen=True):
    """``type`` is None if the event has been deleted since."""

    event_id: int
    type: str | None
    state: str
    attempts: int
    status: int | None
    error: str | None
    created_ms: int
    ended_ms: int | None


_COLUMNS = (
    Webhook.id,
    Webhook.url,
    Webhook.types,
    Webhook.description,
    Webhook.state,
    Webhook.off_reason,
    as_ms(Webhook.created_at),
    as_ms(Webhook.failing_since),
    as_ms(Webhook.delivered_at),
)
_DELIVERIES = f"""
    SELECT d.event_id, e.type, d.state, d.attempts, d.status, d.error, {ms_of("d.created_at")}, {ms_of("d.ended_at")}
    FROM (
        SELECT * FROM webhook_deliveries AS d WHERE d.webhook_id = :webhook AND d.event_id < :before {{which}}
        ORDER BY d.event_id DESC LIMIT :limit
    ) AS d LEFT JOIN host_events AS e ON e.id = d.event_id ORDER BY d.event_id DESC
"""
# A text for each state, so that each has its index.
_DELIVERIES_OF: dict[str | None, HotStatement] = {
    None: HotStatement(_DELIVERIES.format(which="")),
    **{
        state: HotStatement(_DELIVERIES.format(which=f"AND d.state = '{state}'"))
        for state in ("pending", "delivered", "failed")
    },
}
_FORGET_ENDED = HotStatement("""
    DELETE FROM webhook_deliveries WHERE (webhook_id, event_id) IN (
        SELECT webhook_id, event_id FROM webhook_deliveries
        WHERE webhook_id = :webhook AND event_id > :after AND state <> 'pending'
        ORDER BY event_id LIMIT :limit)
""")
NEWEST = 2**62


def count_webhooks(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(Webhook)).scalar_one())


def add_webhook(conn: Connection, *, url: str, types: Sequence[str] | None, description: str, secret: str) -> int:
    """Adds a webhook that gets the events from now on. Needs a transaction."""
    begin_feed(conn)
    new = {"url": url, "types": types, "description": description, "secret": secret, "position": last_event(conn)}
    return int(conn.execute(insert(Webhook).values(new).returning(Webhook.id)).scalar_one())


def list_webhooks(conn: Connection) -> list[StoredWebhook]:
    return structs(StoredWebhook, conn.execute(select(*_COLUMNS).order_by(Webhook.id)))


def get_webhook(conn: Connection, webhook_id: int) -> StoredWebhook | None:
    return first(StoredWebhook, conn.execute(select(*_COLUMNS).where(Webhook.id == webhook_id)).first())


def change_webhook(
    conn: Connection,
    webhook_id: int,
    *,
    url: str | UnsetType = UNSET,
    types: list[str] | UnsetType | None = UNSET,
    description: str | UnsetType = UNSET,
    state: str | UnsetType = UNSET,
    off_reason: str | None = None,
) -> StoredWebhook | None:
    """Changes the given fields. Returns the webhook, or None if there is none. A webhook that is switched on continues
    where it stopped.
    """
    given = {"url": url, "types": types, "description": description, "state": state}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not UNSET}
    if state is not UNSET:
        changes |= {"off_reason": off_reason, "failing_since": None}
    if changes:
        conn.execute(update(Webhook).where(Webhook.id == webhook_id).values(changes))
    return get_webhook(conn, webhook_id)


def delete_webhook(conn: Connection, webhook_id: int) -> bool:
    return conn.execute(delete(Webhook).where(Webhook.id == webhook_id)).rowcount > 0


def list_deliveries(
    conn: Connection, webhook_id: int, state: str | None, before: int, limit: int
) -> list[StoredDelivery]:
    """Returns the deliveries of events before ``before``, newest first."""
    rows = _DELIVERIES_OF[state].rows(conn, webhook=webhook_id, before=before, limit=limit)
    return structs(StoredDelivery, rows)


def forget_ended(conn: Connection, webhook_id: int, after: int, limit: int = 5000) -> int:
    """Deletes up to ``limit`` ended deliveries of events after ``after``. Returns their number."""
    return _FORGET_ENDED.run(conn, webhook=webhook_id, after=after, limit=limit)


def move_back(conn: Connection, webhook_id: int, after: int) -> None:
    """Makes the runner queue all events after ``after`` again, except those that still wait."""
    back = func.least(Webhook.position, after)
    conn.execute(update(Webhook).where(Webhook.id == webhook_id).values(position=back))
