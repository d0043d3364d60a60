"""The way into the log: operations are batched, and those of a cold conversation wait until it is hydrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from app.core.errors import ParleyError
from app.core.part import WHOLE, Part, part_of
from app.message_log.append import Decided, Decision, Operation
from app.services.reading.conversation_cache import ConversationCache

Deciding = Callable[[Any, ParleyError | None], None]


class OperationQueue(Protocol):
    """A queue whose operations run in batches (app/redis_batch.py)."""

    def submit(self, operation: Any, outcome: Deciding, /) -> None: ...

    def withdraw(self, wanted: Callable[[Any], bool], /) -> list[tuple[Any, Deciding]]: ...


class ShardedQueue:
    """Passes each operation to the queue of its conversation's shard. ``queues`` are in the order of the shards."""

    __slots__ = ("queues",)

    def __init__(self, queues: Sequence[OperationQueue]) -> None:
        self.queues = queues

    def submit(self, operation: Any, outcome: Deciding, /) -> None:
        self.queues[part_of(operation.conversation_id, len(self.queues))].submit(operation, outcome)

    def withdraw(self, wanted: Callable[[Any], bool], /) -> list[tuple[Any, Deciding]]:
        return [taken for queue in self.queues for taken in queue.withdraw(wanted)]


def sharded(queues: Sequence[OperationQueue]) -> OperationQueue:
    return ShardedQueue(queues) if len(queues) > 1 else queues[0]


class LogWriter:
    """``appends`` takes messages, marks and typing; ``changes`` takes everything else."""

    __slots__ = ("_conversations", "appends", "changes")

    def __init__(self, *, appends: OperationQueue, changes: OperationQueue, conversations: ConversationCache) -> None:
        self.appends = appends
        self.changes = changes
        self._conversations = conversations

    def append(self, operation: Operation, decided: Deciding) -> None:
        """Submits an append. If the conversation is not in Redis, hydrates it and submits once more. Never blocks."""
        self._submit_hydrating(self.appends, operation, decided)

    def change(self, operation: Operation, decided: Deciding) -> None:
        """Does the same for a change."""
        self._submit_hydrating(self.changes, operation, decided)

    def requeue_cold(self, part: Part = WHOLE) -> None:
        """Called after each batch of a part's queues. Moves operations of a conversation that the batch found cold
        behind those that already wait for its hydration, so that they stay in order.
        """
        cold = self._conversations.take_cold(part)
        if not cold:
            return
        for queue in (self.appends, self.changes):
            for operation, outcome in queue.withdraw(lambda operation: operation.conversation_id in cold):
                self._submit_when_hydrated(queue, operation, outcome)

    def _submit_hydrating(self, queue: OperationQueue, operation: Operation, decided: Deciding) -> None:
        def first(decision: Decision, error: ParleyError | None) -> None:
            if error is None and decision[0] == Decided.UNKNOWN:
                self._conversations.mark_cold(operation.conversation_id)
                self._submit_when_hydrated(queue, operation, decided)
            else:
                decided(decision, error)

        if self._conversations.is_hydrating(operation.conversation_id):  # earlier operations wait for it
            self._submit_when_hydrated(queue, operation, decided)
        else:
            queue.submit(operation, first)

    def _submit_when_hydrated(self, queue: OperationQueue, operation: Operation, outcome: Deciding) -> None:
        go_on = partial(_submit_hydrated, queue, operation, outcome)
        self._conversations.when_hydrated(operation.conversation_id, go_on)


def _submit_hydrated(queue: OperationQueue, operation: Operation, outcome: Deciding, error: ParleyError | None) -> None:
    if error is None:
        queue.submit(operation, outcome)
    else:
        outcome(None, error)
