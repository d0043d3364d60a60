"""Celery's consumer, waiting while Redis refuses writes (READONLY in a failover, MISCONF with a full disk, OOM).

Celery itself would connect, fail at its first write and connect again, five times a second, and each time it leaves
connections behind.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown
from kombu.exceptions import OperationalError

from app.message_log.keys import WRITE_PROBE

log = logging.getLogger(__name__)

PROBE_SECONDS = 0.5


class PatientConsumer(Consumer):  # type: ignore[misc] # Celery has no types
    def connect(self) -> Any:
        with self.app.connection_for_write() as broker:
            if broker.transport.driver_type == "redis":
                _wait_until_writable(broker)
        return super().connect()


def _wait_until_writable(broker: Any) -> None:
    """Returns as soon as a write succeeds, or if Redis does not answer at all, for which Celery waits itself."""
    warned = False
    while True:
        maybe_shutdown()
        try:
            broker.default_channel.client.set(WRITE_PROBE, 1, ex=10)
            return
        except (*broker.connection_errors, OperationalError):  # kombu wraps the first connect's error
            return
        except broker.channel_errors as error:
            if not warned:
                log.warning("Redis refuses writes, waiting: %s", error)
            warned = True
        time.sleep(PROBE_SECONDS)
