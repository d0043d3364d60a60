"""The sessions of this gateway as one shard sees them: their flows in the shard's hub, and their users in its Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.fanout.hub import Hub
from app.gateway.presence_registry import PresenceRegistry


class ShardSessions(NamedTuple):
    """``is_away`` returns whether sessions begin without this shard, because it does not answer."""

    hub: Hub
    presence: PresenceRegistry
    is_away: Callable[[], bool] = lambda: False

    def resume_all(self) -> None:
        """Brings every flow up to date from the store: all of them may have missed something."""
        for flow in list(self.hub):
            flow.resume_from_store()

    def hold_all(self) -> None:
        """Holds live events back from every flow until ``reset_all`` or ``turn_away``: a new epoch began."""
        for flow in list(self.hub):
            flow.hold()

    def reset_all(self, epoch: int, version: int) -> None:
        """Sends ``resync`` to every session, then what was held back."""
        for flow in list(self.hub):
            flow.reset(epoch, version)

    def turn_away(self) -> None:
        """Closes all sessions, whose clients return and then get their ``resync``."""
        for flow in list(self.hub):
            flow.turn_away()

    def reregister_all(self) -> None:
        """Marks all users online again: Redis has forgotten them. Its notice resumes their flows."""
        self.presence.reregister(self.hub.users())
