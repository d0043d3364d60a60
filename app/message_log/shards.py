"""The shards of a deployment: each has a part of the conversations, with a log, an epoch and a drain of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.core.part import WHOLE, Part, divided, part_of
from app.message_log.keys import FIRST
from app.message_log.shard_keys import ShardKeys
from app.redis_calls import EpochLostError


class Shard(NamedTuple):
    """The Redis of one shard, the names of its keys there, and the conversations that it has."""

    redis: Redis
    keys: ShardKeys = FIRST
    part: Part = WHOLE

    def over(self, redis: Redis) -> Shard:
        """Returns the same shard over another connection."""
        return self._replace(redis=redis)


class Shards:
    """All shards of the deployment, in the order of their numbers. Their number is a power of two."""

    def __init__(self, clients: Sequence[Redis]) -> None:
        count = len(clients)
        self._shards = [Shard(client, ShardKeys(n), Part(n, count)) for n, client in enumerate(clients)]

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    def visit(self, act: Callable[[Shard], None]) -> None:
        """Calls ``act`` with each shard, even if it failed for an earlier one. Then raises the first error: RedisError,
        EpochLostError or Overloaded. Any other error is raised at once.
        """
        errors: list[Exception] = []
        for shard in self:
            try:
                act(shard)
            except (RedisError, EpochLostError, Overloaded) as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def __len__(self) -> int:
        return len(self._shards)

    def __getitem__(self, number: int) -> Shard:
        return self._shards[number]

    def by_client(self) -> dict[Redis, list[int]]:
        """Returns each client with the numbers of the shards that share it."""
        numbers: dict[Redis, list[int]] = {}
        for number, shard in enumerate(self._shards):
            numbers.setdefault(shard.redis, []).append(number)
        return numbers

    def close(self) -> None:
        """Closes the pooled connections. The clients connect again on their next use."""
        for client in self.by_client():
            client.close()

    def of(self, conversation_id: int) -> Shard:
        """Returns the shard that has this conversation."""
        return self._shards[part_of(conversation_id, len(self._shards))]

    def parts(self, conversation_ids: Iterable[int]) -> Iterator[tuple[Shard, set[int]]]:
        """Yields each shard that has some of these conversations, with its conversations."""
        for number, mine in sorted(divided(conversation_ids, len(self._shards)).items()):
            yield self._shards[number], mine


def shard_names(numbers: Sequence[int]) -> str:
    """Returns "shard 1" or "shards 1, 3" for the operator."""
    return f"shard{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
