"""Finds the shard of an open stream. The text of a stream names only its message, not its conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app.coalescer import RunBlocking
from app.core.errors import Overloaded, ParleyError
from app.message_log.append import Operation
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.messaging.log_writer import Deciding, OperationQueue

MAX_KNOWN = 100_000


def conversation_of_stream(shards: Shards, message_id: str) -> int | None:
    """Returns the conversation of an open stream, or None. May block. Raises Overloaded if it was not found and a shard
    did not answer.
    """
    away: Overloaded | None = None
    for shard in shards:
        try:
            with redis_errors_as_overloaded():
                place: Any = shard.redis.get(shard.keys.stream_place(message_id))
        except Overloaded as error:
            away = error
            continue
        if place:
            return int(place.partition(b":")[0])
    if away is not None:
        raise away
    return None


class RunQueue(OperationQueue, Protocol):
    """A queue that can also be waited for."""

    def run(self, operation: Any, /) -> Any: ...


class StreamQueue:
    """Passes the operations of stream.lua to the ``queues`` of several shards. Those of one stream stay in order.

    Not thread-safe; ``submit`` never blocks. ``run_blocking`` runs a function that may block.
    """

    def __init__(self, queues: Sequence[RunQueue], shards: Shards, run_blocking: RunBlocking) -> None:
        self._queues = queues
        self._shards = shards
        self._run_blocking = run_blocking
        self._known: dict[str, RunQueue] = {}
        self._waiting: dict[str, list[tuple[Operation, Deciding]]] = {}

    def submit(self, operation: Any, outcome: Deciding, /) -> None:
        id_ = _id_of(operation)
        queue = self._known.get(id_)
        if queue is not None:
            queue.submit(operation, outcome)
        elif id_ in self._waiting:
            self._waiting[id_].append((operation, outcome))
        else:
            self._waiting[id_] = [(operation, outcome)]
            self._run_blocking(lambda: self._find(id_))

    def run(self, operation: Any, /) -> Any:
        """Returns the result of the operation. May block. Raises the errors of Batcher.run."""
        return self._queue_of(_id_of(operation)).run(operation)

    def withdraw(self, _wanted: Callable[[Any], bool], /) -> list[tuple[Any, Deciding]]:
        """Texts of streams do not wait for their conversations here (append_stream.py)."""
        return []

    def _find(self, id_: str) -> None:
        try:
            queue = self._queue_of(id_)
        except ParleyError as error:
            for _, outcome in self._waiting.pop(id_):
                outcome(None, error)
            return
        for operation, outcome in self._waiting.pop(id_):
            queue.submit(operation, outcome)

    def _queue_of(self, id_: str) -> RunQueue:
        """Returns the queue of the stream's shard; any queue for an unknown stream, because no shard has it."""
        queue = self._known.get(id_)
        if queue is not None:
            return queue
        conversation_id = conversation_of_stream(self._shards, id_)
        if conversation_id is None:
            return self._queues[0]
        queue = self._queues[self._shards.of(conversation_id).part.number]
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[id_] = queue
        return queue


def _id_of(operation: Operation) -> str:
    """``what`` is described in lua/stream.lua: the act, then the id."""
    what: Any = operation.what
    return str(what[1])
