"""Acks that wait for Postgres: an ack is sent when the drain's notice says that its version is committed.

Invariants
* A notice may arrive before the result that names its version, because they use two connections. Early notices are
  kept for a while.
* Notices can be lost (pub/sub delivers at most once). `reconcile` looks up in Redis whatever waits for over a second.
  A rejected record does not count as stored when later records are.
* Every wait ends: without an error (stored), or with one if the epoch is lost or the record was rejected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from app.core.errors import Overloaded, ParleyError
from app.core.part import part_of
from app.message_log.epoch import parse_epoch
from app.message_log.shards import Shard

Confirmed = Callable[[ParleyError | None], None]

# Early notices are kept for this long. The result that belongs to one is at most one batch away.
EARLY_SECONDS = 30.0
RECONCILE_AFTER_SECONDS = 1.0


class _Wait(NamedTuple):
    since: float
    confirmed: Confirmed


class ConfirmationsOf(Protocol):
    """The versions that this gateway waits for, in all shards. Two shards may use the same version."""

    def of(self, conversation_id: int, /) -> Confirmations: ...


class Confirmations:
    """The versions of one shard that this gateway waits for. Not thread-safe; all calls come from one event loop."""

    def __init__(self) -> None:
        self._waits: dict[int, list[_Wait]] = {}
        self._early: dict[int, tuple[float, ParleyError | None]] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def of(self, _conversation_id: int) -> Confirmations:
        return self

    def expect(self, version: int, confirmed: Confirmed) -> None:
        """Calls ``confirmed`` once, when ``version`` is stored; at once if its notice came early."""
        early = self._early.pop(version, None)
        if early is not None:
            confirmed(early[1])
            return
        wait = _Wait(time.monotonic(), confirmed)
        self._waits.setdefault(version, []).append(wait)

    def settle(self, versions: Iterable[int], error: ParleyError | None = None) -> None:
        """Handles a notice of the drain: these versions are stored, or rejected with ``error``."""
        now = time.monotonic()
        for version in versions:
            waits = self._waits.pop(version, None)
            if waits is None:
                self._early[version] = (now, error)
            else:
                for wait in waits:
                    wait.confirmed(error)

    def fail_all(self) -> None:
        """Ends all waits with an error, because the epoch is lost. Senders retry under the same id."""
        waits, self._waits = self._waits, {}
        self._early.clear()
        for row in waits.values():
            for wait in row:
                wait.confirmed(Overloaded("The message may not have been stored: send it again.", retry_after=1.0))

    def reconcile(self, shard: Shard, epoch: int, refusal: Callable[[str], ParleyError]) -> None:
        """Settles waits of over a second by what Redis has, and drops early notices that nothing waited for.

        ``refusal`` turns the reason for a rejection into an error. If Redis is in another epoch, its "stored up to"
        says nothing about records of the old epoch, so nothing is settled.
        """
        now = time.monotonic()
        self._early = {v: e for v, e in self._early.items() if now - e[0] < EARLY_SECONDS}
        old = [v for v, waits in self._waits.items() if now - waits[0].since > RECONCILE_AFTER_SECONDS]
        if not old:
            return
        stored = stored_version(shard, epoch)
        passed = [version for version in old if version <= stored]
        reasons = shard.redis.mget([shard.keys.refused(version) for version in passed]) if passed else []
        for version, reason in zip(passed, reasons, strict=True):
            self.settle([version], refusal(reason.decode()) if isinstance(reason, bytes) else None)


class ShardedConfirmations:
    """``shards`` has one object for each shard, in order."""

    def __init__(self, shards: Sequence[Confirmations]) -> None:
        self._shards = shards

    def of(self, conversation_id: int) -> Confirmations:
        return self._shards[part_of(conversation_id, len(self._shards))]


def sharded_confirmations(shards: Sequence[Confirmations]) -> ConfirmationsOf:
    return ShardedConfirmations(shards) if len(shards) > 1 else shards[0]


def stored_version(shard: Shard, epoch: int) -> int:
    """Returns the version up to which all records are in Postgres or rejected (the log is drained in order).

    Returns 0 if Redis is in another epoch.
    """
    pipe = shard.redis.pipeline(transaction=True)
    pipe.get(shard.keys.epoch)
    pipe.hget(shard.keys.log_state, "stored")
    present, stored = pipe.execute()
    in_epoch = isinstance(present, bytes) and parse_epoch(present).number == epoch
    return int(stored) if in_epoch and isinstance(stored, bytes) else 0
