"""What one process counts, in the form in which it is published for ``/metrics``."""

from __future__ import annotations

from typing import Any

from app.fanout.hub import Hub
from app.services.drain.store_log import DrainStats
from app.services.messaging.message_path import MessagePath

Figures = dict[str, Any]


def gateway_figures(path: MessagePath, hub: Hub, waiting: dict[str, int]) -> Figures:
    """``waiting``: queue -> operations in it."""
    return {
        "sessions": dict(hub.by_transport),
        "deliveries": hub.events_delivered,
        "counters": {**path.counters, **{f"unknown_kind:{kind}": n for kind, n in hub.unknown_kinds.items()}},
        "ack_seconds": path.ack_times.as_figures(),
        "waiting": {**waiting, "confirmations": len(path.confirmations)},
    }


def drain_figures(stats: DrainStats) -> Figures:
    return {
        "drain": {
            "batches": stats.batches,
            "records": stats.records,
            "set_aside": stats.set_aside,
            "store_failures": stats.store_failures,
        },
        "drain_sizes": stats.sizes.as_figures(),
    }
