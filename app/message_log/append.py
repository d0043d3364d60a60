"""The gateway's way into the log: operations in, decisions out, many in one round trip (lua/append.lua)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis

from app.core.records import pack, unpack
from app.message_log import keys
from app.redis_batch import EpochLostError, Operation
from app.redis_scripts import script


@dataclass(frozen=True, slots=True)
class AppendLimits:
    max_records: int
    max_bytes: int
    dedupe_seconds: int
    send_rate: float
    send_burst: int


class Append:
    """Calls append.lua. ``saw_epoch`` learns every answer's epoch; ``wake`` is called where no drain is running."""

    def __init__(
        self,
        redis: Redis,
        gateway: str,
        limits: AppendLimits,
        *,
        saw_epoch: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self._script = script(redis, "app.message_log", "append")
        self._saw_epoch = saw_epoch
        self._wake = wake
        self._keys = [keys.EPOCH, keys.VERSION, keys.LOG, keys.LOG_STATE, keys.ONLINE, keys.LEASE]
        interval = 1000.0 / limits.send_rate
        self._args: list[str | int | float] = [
            keys.PREFIX,
            "",
            gateway,
            limits.max_records,
            limits.max_bytes,
            limits.dedupe_seconds,
            interval,
            interval * limits.send_burst,
        ]

    def __call__(self, operations: list[Operation]) -> list[Any]:
        """One result an operation, as append.lua lists them. Raise EpochLostError, RedisError."""
        answer = unpack(self._script(keys=self._keys, args=[*self._args, pack(operations)]))
        if answer[0] is False:
            raise EpochLostError
        epoch, wake, results = answer
        self._saw_epoch(epoch)
        if wake:
            self._wake()
        return results  # type: ignore[no-any-return]
