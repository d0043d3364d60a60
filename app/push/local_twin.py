"""Replaces a push service that has no keys: logs deliveries and records them for the development outbox."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from app.core.push_notice import as_dict
from app.push.provider import SENT, Outcome, Outgoing

log = logging.getLogger(__name__)


class LocalTwin:
    """``record(user_id, target_id, platform, payload)`` keeps a delivery. The log does not contain its text."""

    def __init__(self, record: Callable[[int, int, str, dict[str, Any]], None]) -> None:
        self._record = record

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        for outgoing in batch:
            payload = as_dict(outgoing.payload)
            log.info("push to %s target %d: %s", outgoing.to.platform, outgoing.to.target_id, payload["tag"])
            self._record(outgoing.to.user_id, outgoing.to.target_id, outgoing.to.platform, payload)
        return [SENT] * len(batch)

    def cut_overdue(self) -> None:
        """Does nothing: there are no requests."""

    def close(self) -> None:
        """Does nothing: there are no connections."""
