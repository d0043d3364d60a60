"""The sessions of this gateway as one shard sees them: their flows in the shard's hub, and their users in its Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from app.core.errors import ParleyError
from app.fanout.hub import Hub
from app.gateway.presence_registry import PresenceRegistry


class ShardSessions:
    """``is_away`` returns whether sessions begin without this shard, because it does not answer.

    The flows of such sessions are ``absent``: they hold events back, and catch up once their user is registered. A
    registration that was given up may still be carried out when the shard is back. So an absent flow must not simply go
    on with the first event that comes.
    """

    def __init__(self, hub: Hub, presence: PresenceRegistry, is_away: Callable[[], bool] = lambda: False) -> None:
        self.hub = hub
        self.presence = presence
        self.is_away = is_away
        self._absent: dict[int, list[Any]] = {}

    def miss(self, flow: Any) -> None:
        """Notes that this flow begins without the shard."""
        flow.absent = True
        self._absent.setdefault(flow.user_id, []).append(flow)

    def forget(self, flow: Any) -> None:
        """Forgets an absent flow whose session has ended."""
        flows = self._absent.get(flow.user_id, [])
        if flow in flows:
            flows.remove(flow)
            if not flows:
                del self._absent[flow.user_id]

    def admit_absent(self) -> None:
        """Registers the users of absent flows, which then catch up. Called when the shard has answered. Does not
        block.
        """
        for user_id in list(self._absent):
            self.presence.register(user_id, partial(self._registered, user_id))

    def _registered(self, user_id: int, error: ParleyError | None) -> None:
        if error is None:
            for flow in self._absent.pop(user_id, ()):
                flow.arrive()

    def resume_all(self) -> None:
        """Brings every flow up to date from the store: all of them may have missed something."""
        for flow in list(self.hub):
            flow.resume_from_store()

    def hold_all(self) -> None:
        """Holds live events back from every flow until ``reset_all`` or ``turn_away``: a new epoch began."""
        for flow in list(self.hub):
            flow.hold()

    def reset_all(self, epoch: int, version: int) -> None:
        """Sends ``resync`` to every session, then the events that were held back."""
        for flow in list(self.hub):
            flow.reset(epoch, version)

    def turn_away(self) -> None:
        """Closes all sessions, whose clients return and then get their ``resync``."""
        for flow in list(self.hub):
            flow.turn_away()

    def reregister_all(self) -> None:
        """Marks all users online again, because Redis has forgotten them. Redis' notice makes their flows resume."""
        self.presence.reregister(self.hub.users())
