"""Begins a session's stream of events, and reads the events that it missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.coalescer import RunBlocking
from app.core.cursor import decode_positions
from app.core.errors import ParleyError
from app.core.position import Position
from app.message_log.current_epoch import CurrentEpoch
from app.services.messaging.delivery_batcher import DeliveryBatcher
from app.services.reading.resume import Replay

# Called with (user, version) and a callback. The callback gets True if the user may have missed something, or an error.
CheckMissed = Callable[[tuple[int, int], Callable[[bool | None, ParleyError | None], None]], None]

# A replay waits while this much, or a quarter of the outbox, waits for the reader.
REPLAY_BACKLOG_BYTES = 256 * 1024
DAY_US = 86_400_000_000


class Streams:
    """Everything that the sessions' flows of one shard need. ``by_shard`` has one such object for each shard. The first
    one ``brings_news``, which belong to no shard. ``run_blocking`` runs a session's own work that may block, such as
    commands and joins. ``run_replay`` runs work that all sessions may have at the same time, so that commands and joins
    do not wait behind it.
    """

    __slots__ = (
        "_epoch",
        "_max_age_us",
        "ask_for_milestones",
        "brings_news",
        "by_shard",
        "check_missed",
        "client_limits",
        "count_unread",
        "deliveries",
        "known_version",
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
        brings_news: bool = True,
        known_version: Callable[[], int] = lambda: 0,
        ask_for_milestones: Callable[[Any], None] = lambda _session: None,
    ) -> None:
        """``known_version`` returns the greatest version of the shard that is known without asking its Redis. It may
        block, and raises Overloaded. ``ask_for_milestones`` is called with a session whose cursor gets long.
        """
        self.known_version = known_version
        self.ask_for_milestones = ask_for_milestones
        self.by_shard: Sequence[Streams] = (self,)
        self.brings_news = brings_news
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

    def resumable(self, cursor: str, versions: Sequence[int | None]) -> list[Position] | None:
        """Returns the cursor's position in each shard. Returns None if a session cannot resume from it: it is
        malformed, of another epoch, too old, or later than the shards' present ``versions`` (None for shards that are
        away).
        """
        positions = decode_positions(cursor, len(versions))
        places = zip(self.by_shard, positions or (), versions, strict=False)
        if positions is None or not all(streams._has(position, version) for streams, position, version in places):
            return None
        return positions

    def _has(self, position: Position, version: int | None) -> bool:
        behind = 0 if version is None else version - position.version
        return position.epoch == self._epoch.number and 0 <= behind < self._max_age_us
