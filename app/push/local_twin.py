"""What stands in for push services where no keys are set: deliveries are written to the log, and noted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from app.core.push_notice import as_dict
from app.push.provider import SENT, Outcome, Outgoing

log = logging.getLogger(__name__)


class LocalTwin:
    """``note(user_id, target_id, platform, payload)`` keeps what was delivered; the log has no words of it."""

    def __init__(self, note: Callable[[int, int, str, dict[str, Any]], None]) -> None:
        self._note = note

    def send(self, batch: list[Outgoing]) -> list[Outcome]:
        for outgoing in batch:
            payload = as_dict(outgoing.payload)
            log.info("push to %s target %d: %s", outgoing.to.platform, outgoing.to.target_id, payload["tag"])
            self._note(outgoing.to.user_id, outgoing.to.target_id, outgoing.to.platform, payload)
        return [SENT] * len(batch)

    def close(self) -> None:
        """It holds nothing."""
