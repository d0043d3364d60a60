"""Asks the shards for milestones for the sessions whose cursors get long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.core.position import MILESTONE_BITS
from app.redis_batch import Batcher

# Sessions that ask at different times share the calls of the scripts, so that a milestone costs 3 to 10 µs, not 80.
SEND_SECONDS = 1.0
# A milestone would move a position that is not further behind by next to nothing.
_FAR_BEHIND = 2 << MILESTONE_BITS


class MilestoneRequests:
    """``shards`` has, for each shard, the queue to milestone.lua and a function that returns whether the shard is away.
    With one shard it is empty, because then no session asks.
    """

    def __init__(self, shards: Sequence[tuple[Batcher, Callable[[], bool]]]) -> None:
        self._shards = shards
        self._asking: set[Any] = set()

    def ask(self, session: Any) -> None:
        """Notes that this session has a long cursor. Does not block."""
        self._asking.add(session)

    def send(self) -> None:
        """Asks for a milestone in each shard in which a session that has asked is far behind. Does not block.

        The shard decides whether the user gets one. It moves no flow that catches up.
        """
        asking, self._asking = self._asking, set()
        for session in asking:
            far = max(flow.position for flow in session.flows) - _FAR_BEHIND
            for flow, (queue, is_away) in zip(session.flows, self._shards, strict=True):
                if flow.position < far and not flow.catching_up and not flow.closed and not is_away():
                    queue.submit(session.user_id, _ignore)


def _ignore(_result: Any, _error: Any) -> None:
    """If there is no milestone, the next long cursor asks again."""
