"""Who waits for Postgres: an ack goes out when the drain says that the version it belongs to is committed.

Invariants
* A notice may come before the answer that names its version (they travel on two connections): early ones are kept a
  while.
* Notices can be lost (pub/sub is at most once): whoever waits longer than a moment is looked up in Redis (`reconcile`),
  and a record that was set aside is not taken for stored because later ones of its conversation are.
* Every wait ends: with True (stored), or with an error when the epoch is lost or the record was set aside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from redis import Redis

from app.core.errors import Overloaded, ParleyError
from app.message_log import keys

Confirmed = Callable[[ParleyError | None], None]

# How long a notice for a version that nobody asked for yet is kept; the answer it belongs to is at most a batch away.
EARLY_SECONDS = 30.0
RECONCILE_AFTER_SECONDS = 1.0


class _Wait(NamedTuple):
    since: float
    confirmed: Confirmed


class Confirmations:
    """The versions this gateway waits for. Not thread-safe; all calls come from one event loop."""

    def __init__(self) -> None:
        self._waits: dict[int, list[_Wait]] = {}
        self._early: dict[int, tuple[float, ParleyError | None]] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def expect(self, version: int, confirmed: Confirmed) -> None:
        """Call ``confirmed`` once when ``version`` is stored, at once where that is known already."""
        early = self._early.pop(version, None)
        if early is not None:
            confirmed(early[1])
            return
        wait = _Wait(time.monotonic(), confirmed)
        self._waits.setdefault(version, []).append(wait)

    def settle(self, versions: Iterable[int], error: ParleyError | None = None) -> None:
        """A notice of the drain: these are stored, or set aside with ``error``."""
        now = time.monotonic()
        for version in versions:
            waits = self._waits.pop(version, None)
            if waits is None:
                self._early[version] = (now, error)
            else:
                for wait in waits:
                    wait.confirmed(error)

    def fail_all(self) -> None:
        """The epoch is lost: what was not confirmed may be gone. Senders try again under the same id."""
        waits, self._waits = self._waits, {}
        self._early.clear()
        for row in waits.values():
            for wait in row:
                wait.confirmed(Overloaded("The message may not have been stored: send it again.", retry_after=1.0))

    def reconcile(self, redis: Redis, epoch: int, refusal: Callable[[str], ParleyError]) -> None:
        """Ask Redis about whoever waits longer than a moment; forget early notices that nobody came for.

        ``refusal`` makes an error of the reason why a record was not stored. In another epoch than the one that is
        waited in, "stored up to" says nothing of what was lost with the old one: nobody is told anything.
        """
        now = time.monotonic()
        self._early = {v: e for v, e in self._early.items() if now - e[0] < EARLY_SECONDS}
        old = [v for v, waits in self._waits.items() if now - waits[0].since > RECONCILE_AFTER_SECONDS]
        if not old:
            return
        stored = stored_version(redis, epoch)
        passed = [version for version in old if version <= stored]
        reasons = redis.mget([keys.refused(version) for version in passed]) if passed else []
        for version, reason in zip(passed, reasons, strict=True):
            self.settle([version], refusal(reason.decode()) if isinstance(reason, bytes) else None)


def stored_version(redis: Redis, epoch: int) -> int:
    """All records up to this version are in Postgres, or were set aside: the log is drained in order. 0 where Redis is
    in another epoch."""
    pipe = redis.pipeline(transaction=True)
    pipe.get(keys.EPOCH)
    pipe.hget(keys.LOG_STATE, "stored")
    present, stored = pipe.execute()
    in_epoch = isinstance(present, bytes) and present.startswith(b"%d:" % epoch)
    return int(stored) if in_epoch and isinstance(stored, bytes) else 0
