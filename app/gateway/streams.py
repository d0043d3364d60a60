"""Begins a session's stream of events, and reads the events that it missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.cursor import Position, decode_cursor
from app.core.errors import ParleyError
from app.message_log.current_epoch import CurrentEpoch
from app.services.messaging.delivery_batcher import DeliveryBatcher
from app.services.reading.resume import Replay

RunBlocking = Callable[[Callable[[], None]], None]
# Called with (user, version), and with a function that gets whether the user may have missed something, or an error.
CheckMissed = Callable[[tuple[int, int], Callable[[bool | None, ParleyError | None], None]], None]

# A replay waits while this much, or a quarter of the outbox, waits for the reader.
REPLAY_BACKLOG_BYTES = 256 * 1024
DAY_US = 86_400_000_000


class Streams:
    """``run_blocking`` runs a session's own work that may block, such as commands and joins. ``run_replay`` runs what
    all sessions may have to do at the same time: commands and joins do not wait behind it.
    """

    __slots__ = (
        "_epoch",
        "_max_age_us",
        "check_missed",
        "client_limits",
        "count_unread",
        "deliveries",
        "max_backlog",
        "refuse_ended",
        "replay",
        "run_blocking",
        "run_replay",
    )

    def __init__(
        self,
        *,
        epoch: CurrentEpoch,
        replay: Replay,
        deliveries: DeliveryBatcher,
        count_unread: Callable[[int], dict[int, int]],
        check_missed: CheckMissed,
        refuse_ended: Callable[[str, int], None],
        run_blocking: RunBlocking,
        run_replay: RunBlocking,
        client_limits: Any,
        resume_max_days: int,
        outbox_bytes: int,
    ) -> None:
        self._epoch = epoch
        self.replay = replay
        self.deliveries = deliveries
        self.count_unread = count_unread
        self.check_missed = check_missed
        self.refuse_ended = refuse_ended
        self.run_blocking = run_blocking
        self.run_replay = run_replay
        self.client_limits = client_limits
        self.max_backlog = min(REPLAY_BACKLOG_BYTES, outbox_bytes // 4)
        self._max_age_us = resume_max_days * DAY_US

    @property
    def epoch(self) -> int:
        return self._epoch.number

    def resumable(self, cursor: str, version: int) -> Position | None:
        """Returns the cursor's position. Returns None if a session cannot resume from it: it is malformed, of another
        epoch, later than ``version``, or too old.
        """
        position = decode_cursor(cursor)
        if position is None or position.epoch != self._epoch.number or position.version > version:
            return None
        return position if version - position.version < self._max_age_us else None
