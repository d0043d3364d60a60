"""The scheduler of beat, for machines whose clock is set back.

Celery plans by the wall clock. If that is set back by an hour, its own scheduler sends nothing for an hour: lost tasks
and retries of webhooks would wait that long.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any

from celery.beat import Scheduler

log = logging.getLogger(__name__)


class SteadyScheduler(Scheduler):  # type: ignore[misc]
    """Plans again when the clock was set back. Each entry is then due after its interval at the latest."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ticked_at = 0.0  # in s since 1970

    def tick(self, *arguments: Any, **options: Any) -> float:
        now = time.time()
        if now < self._ticked_at:
            log.warning("the clock was set back by %.0f s; all tasks are planned again", self._ticked_at - now)
            self._begin_anew()
        self._ticked_at = now
        return float(super().tick(*arguments, **options))

    def _begin_anew(self) -> None:
        for entry in self.schedule.values():
            now: datetime = entry.default_now()
            entry.last_run_at = min(entry.last_run_at, now)
        self.old_schedulers = None  # makes the next tick sort all entries again
