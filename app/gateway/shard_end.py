"""Delivers the publications of one shard. Repairs its sessions after its Redis was away or lost its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.coalescer import RunBlocking
from app.core.errors import Overloaded
from app.fanout.hub import refusal
from app.gateway.heartbeat import Heartbeat
from app.gateway.shard_line import ShardLine
from app.gateway.shard_sessions import ShardSessions
from app.gateway.watch_registry import WatchRegistry
from app.message_log.epoch import last_version
from app.redis_calls import redis_errors_as_overloaded


class ShardEnd:
    """``watches`` is None but for the first shard. ``run_blocking`` runs a function that may block."""

    def __init__(
        self,
        line: ShardLine,
        sessions: ShardSessions,
        *,
        gateway_id: str,
        watches: WatchRegistry | None,
        forget_conversations: Callable[[], None],
        run_blocking: RunBlocking,
    ) -> None:
        self.line = line
        self._sessions = sessions
        self._watches = watches
        self._forget_conversations = forget_conversations
        self._run_blocking = run_blocking
        self._subscribed_before = False
        self.heartbeat = Heartbeat(
            shard=line.shard, gateway_id=gateway_id, epochs=line.epochs, sessions=sessions, watches=watches
        )
        line.epochs.on_lost(self._lost_history)

    def dispatch(self, epoch: int, items: list[Any]) -> None:
        if not self.line.epochs.is_over(epoch):
            self.line.hub.dispatch(epoch, items)

    def resubscribed(self) -> None:
        """Called after each subscription. Unless it is the first one, everything that was published before it is
        missing.
        """
        self._run_blocking(self.line.epochs.compare)
        before, self._subscribed_before = self._subscribed_before, True
        if before or len(self.line.hub):
            self.line.hub.rosters.lose()
            # First: until the rosters are complete, sessions read the records of large groups from the store.
            self.heartbeat.complete_rosters()
            self._sessions.resume_all()
            self._sessions.admit_absent()
            if self._watches is not None:
                self._run_blocking(self._watches.register_all)

    def reconcile(self) -> None:
        """Settles sends that wait for a notice that was lost. May block. Raises RedisError."""
        self.line.confirmations.reconcile(self.line.shard, self.line.epoch.number, refusal)

    def _lost_history(self) -> None:
        self._sessions.hold_all()
        self._forget_conversations()
        self.line.confirmations.fail_all()
        self._run_blocking(self._reset_sessions)
        self._sessions.reregister_all()
        if self._watches is not None:
            self._run_blocking(self._watches.lost)

    def _reset_sessions(self) -> None:
        try:
            with redis_errors_as_overloaded():
                version = last_version(self.line.shard)
        except Overloaded:
            self._sessions.turn_away()
            raise
        self._sessions.reset_all(self.line.epoch.number, version)
