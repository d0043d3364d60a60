"""The feed for hosts that pull: returns the events after a cursor, or waits for the next ones."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import UNSET
from sqlalchemy import Engine

from app.core.host_events import event_id
from app.core.webhooks import FeedView, HostEventView, checked_types
from app.services.webhooks.external_ids import with_external_ids
from app.services.webhooks.host_event_json import event_view
from app.services.webhooks.manage_webhooks import checked_position
from app.store import host_feed
from app.store.engine import reading, writing
from app.store.host_feed import FeedPage

POLL_SECONDS = 0.3
# One call reads at most this many pages in search of the wanted types.
PAGES = 20


def read_feed(
    cursor: str | None,
    types: str | None,
    limit: int,
    wait: float,
    *,
    engine: Engine,
    sleep: Callable[[float], None] = time.sleep,
) -> FeedView:
    """Returns the events after the cursor. Without a cursor, begins with the oldest event that is kept. If there are no
    events, waits up to ``wait`` seconds for some. Raises Invalid for a malformed cursor and for an unknown type.
    """
    after = 0 if cursor is None else checked_position(cursor, "cursor")
    wanted = None if types is None else checked_types(types.split(","))
    with writing(engine) as conn:
        host_feed.note_pull(conn)
    until = time.monotonic() + wait
    lost = False
    while True:
        page = _read(engine, after, limit, wanted)
        lost = lost or (page.lost and cursor is not None)
        after = page.position
        if page.events or page.has_more or time.monotonic() >= until:
            return FeedView(events=_shown(engine, page), cursor=event_id(after), lost=lost or UNSET)
        sleep(POLL_SECONDS)


def _read(engine: Engine, after: int, limit: int, types: list[str] | None) -> FeedPage:
    """Returns the first page that has events of these types, or else the last page that it read. ``lost`` covers all
    pages that it read.
    """
    lost = False
    with reading(engine) as conn:
        for _ in range(PAGES):
            page = host_feed.read_page(conn, after, limit, types)
            lost = lost or page.lost
            if page.events or not page.has_more:
                break
            after = page.position
    return page._replace(lost=lost)


def _shown(engine: Engine, page: FeedPage) -> list[HostEventView]:
    if not page.events:
        return []
    with reading(engine) as conn:
        data = with_external_ids(conn, [event.data for event in page.events])
    return [
        event_view(event.id, event.type, event.created_ms, one) for event, one in zip(page.events, data, strict=True)
    ]
