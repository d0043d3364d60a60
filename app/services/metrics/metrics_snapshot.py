"""The metrics of one process, in the form in which it publishes them for ``/metrics``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.histogram import Histogram

Snapshot = dict[str, Any]


def gateway_snapshot(
    *,
    sessions: Mapping[str, int],
    events_delivered: int,
    counters: Mapping[str, int],
    ack_times: Histogram,
    pending: Mapping[str, int],
) -> Snapshot:
    """``sessions`` maps a transport to its sessions, ``pending`` a queue to its pending operations."""
    return {
        "sessions": dict(sessions),
        "events_delivered": events_delivered,
        "counters": dict(counters),
        "ack_seconds": ack_times.snapshot(),
        "pending": dict(pending),
    }
