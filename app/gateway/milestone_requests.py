"""Asks the shards for milestones if a session's cursor gets long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from app.core.position import MILESTONE_BITS
from app.redis_batch import Batcher

# How often a session can ask. It asks again only with its next event.
ASK_SECONDS = 2.0
# A position that is not further behind would be moved by next to nothing.
_FAR_BEHIND = 2 << MILESTONE_BITS


class _Asked(NamedTuple):
    queue: Batcher
    is_away: Callable[[], bool]


class MilestoneRequests:
    """There is none if there is one shard."""

    def __init__(self, shards: Sequence[tuple[Batcher, Callable[[], bool]]]) -> None:
        """``shards`` has the queue of each shard to milestone.lua, and whether the shard is away."""
        self._shards = [_Asked(*shard) for shard in shards]
        self._asking: set[str] = set()

    def ask(self, session: Any) -> None:
        """Asks for a milestone in each shard in which the session is far behind. Does not block.

        The shard decides whether the session gets one, and moves no flow that catches up.
        """
        if session.id in self._asking:
            return
        self._asking.add(session.id)
        far = max(flow.position for flow in session.flows) - _FAR_BEHIND
        for flow, (queue, is_away) in zip(session.flows, self._shards, strict=True):
            if flow.position < far and not flow.catching_up and not is_away():
                queue.submit(session.user_id, _ignore)

    def forget_asking(self) -> None:
        """Called every ``ASK_SECONDS``."""
        self._asking.clear()


def _ignore(_result: Any, _error: Any) -> None:
    """The next long cursor asks again."""
