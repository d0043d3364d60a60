"""Writes the audit: who did what, on whom, from where and when."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.core.audit import COUNTED, Action
from app.core.networks import network_of
from app.current_request import current_address
from app.store import audit as store
from app.store.audit import NewAct

HOUR_MS = 3_600_000
# A flood of failures from many networks adds at most this many rows an hour; the rest is counted in one row per action.
MAX_COUNTED_ROWS = 5000


def record(
    conn: Connection,
    action: Action,
    *,
    actor_id: int | None = None,
    target_id: int | None = None,
    **details: Any,
) -> None:
    """Writes an act within the caller's transaction, with the address of the current request.

    ``details`` become a JSON object; pass no secret and no text that a user typed. Acts of ``COUNTED`` are one row per
    action, target, network and hour: the first one's details stay, the others only raise its count.
    """
    address = current_address() or None
    if action in COUNTED:
        _count(conn, NewAct(action, actor_id, target_id, address and network_of(address), details or None))
    else:
        store.insert_act(conn, NewAct(action, actor_id, target_id, address, details or None))


def record_for_each(conn: Connection, action: Action, target_ids: Sequence[int], **details: Any) -> None:
    """Writes an act on each of these users, as ``record`` does, in one statement."""
    address = current_address() or None
    store.insert_acts(conn, [NewAct(action, None, target, address, details or None) for target in target_ids])


def _count(conn: Connection, act: NewAct) -> None:
    hour = int(time.time() * 1000) // HOUR_MS
    key = f"{act.action} {act.actor_id or '-'} {act.target_id or '-'} {act.address or '-'} {hour}"
    if not store.has_key(conn, key) and store.counted_rows(conn, hour * HOUR_MS, MAX_COUNTED_ROWS) >= MAX_COUNTED_ROWS:
        key, act = f"{act.action} others {hour}", NewAct(act.action, None, None, None, {"others": True})
    store.count_act(conn, key, act)
