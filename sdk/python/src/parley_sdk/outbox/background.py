"""A relay in a thread of the process that commits, so that a message is on its way at once."""

from __future__ import annotations

import logging
import os
import threading

from sqlalchemy.exc import SQLAlchemyError

from parley_sdk.errors import ParleyError
from parley_sdk.outbox.relay import Relay

log = logging.getLogger(__name__)


class BackgroundRelay:
    """Sends after each ``wake``. After a failure, messages wait for the sweep or the next wake."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._awake = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._process: int | None = None
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Starts sending and returns at once."""
        self._awake.set()
        with self._lock:
            if self._process != os.getpid():  # also in the child after a fork, which has no threads
                self._process = os.getpid()
                self._thread = threading.Thread(target=self._run, name="parley-outbox", daemon=True)
                self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Ends the thread after its batch, for good, and waits for it."""
        self._stop.set()
        self._awake.set()
        with self._lock:
            if self._thread is not None and self._process == os.getpid():
                self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._awake.wait()
            self._awake.clear()
            try:
                self._relay.run_until_empty(self._stop)
            except (ParleyError, SQLAlchemyError) as error:
                log.warning("the outbox waits for the sweep: %s: %s", type(error).__name__, error)
            except Exception:
                log.exception("the relay of the outbox failed")
