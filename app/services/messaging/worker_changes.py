"""A worker's way into the log: the same script as the gateways' changes, called directly and waited for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.message_log import conversations
from app.message_log.append import Decided, Decision, Operation
from app.message_log.epoch import read_epoch
from app.message_log.history import History
from app.message_log.shards import Shard, Shards
from app.store.conversations import load_state
from app.store.engine import reading
from app.store.epochs import greatest_version

Change = Callable[[list[Operation]], list[Decision]]


class WorkerChanges:
    """``change_in`` returns a caller of change.lua, or append.lua, of a shard. Operations are rare here, so each one
    first compares histories (app/message_log/history.py).
    """

    def __init__(self, shards: Shards, engine: Engine, change_in: Callable[[Shard], Change]) -> None:
        self.shards = shards
        self._engine = engine
        self._ways = {
            shard: (change_in(shard), History(partial(self._stored_version, shard), shard.keys)) for shard in shards
        }

    def carry_out(self, operations: list[Operation]) -> list[int]:
        """Carries out operations of one conversation and returns the decision about each. Raises Overloaded if the log
        is full, or Redis lost its data; also RedisError, EpochLostError.
        """
        return [decision[0] for decision in self.decide(operations)]

    def decide(self, operations: list[Operation]) -> list[Decision]:
        """Does the same and returns the whole decisions."""
        shard = self.shards.of(operations[0].conversation_id)
        change, history = self._ways[shard]
        history.is_behind(shard.redis)
        decisions = change(operations)
        if any(decision[0] == Decided.UNKNOWN for decision in decisions):
            self.hydrate(operations[0].conversation_id)
            decisions = change(operations)
        if not {Decided.FULL, Decided.UNKNOWN, Decided.STALE}.isdisjoint(decision[0] for decision in decisions):
            raise Overloaded("The log does not accept records at the moment.")
        return decisions

    def _stored_version(self, shard: Shard) -> int:
        with reading(self._engine) as conn:
            return greatest_version(conn, shard.part)

    def hydrate(self, conversation_id: int) -> None:
        """Hydrates the conversation unless Redis holds it already. Raises Overloaded, RedisError."""
        shard = self.shards.of(conversation_id)
        epoch = read_epoch(shard)
        if epoch is None:
            raise Overloaded("A new epoch is beginning.")
        with reading(self._engine) as conn:
            states = load_state(conn, [conversation_id])
        for state in states:
            conversations.hydrate(shard, epoch.number, state)
