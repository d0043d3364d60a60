"""How fast a user may send, mark, type, react and edit: a limit over all gateways, without a round trip an act.

The user's token bucket is in Redis (message_log/lua/take_tokens.lua). A gateway takes units from it ahead of use, some
tens at a time and for many users in one call; an act costs one unit of those at hand.

Invariants
* What a user has done in any time is at most ``burst + rate × time``, and for each gateway ``chunk + credit``: what it
  held when the time began, and what it let through while it asked.
* A user who stays within ``rate``, and within ``burst`` less that same share, is never refused: who has no unit at
  hand waits for the answer. Refused is only what Redis had nothing left for, or, while Redis is away, what comes faster
  than ``rate`` at this gateway.
* What was not used within HOLD_SECONDS is given back.

An act takes 0.06 µs, 0.13 with its share of the asking (chunk 31, Redis not counted); a counter in this process alone,
which has to look at the clock each time, took 0.26 (timeit, Python 3.11).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gevent.event import AsyncResult
from redis import Redis

from app.config import Settings
from app.core.errors import ParleyError, RateLimited
from app.message_log import keys
from app.redis_scripts import script

# Users with units at hand, of each kind; beyond them only those are kept that are being asked for.
KEPT = 10_000
HOLD_SECONDS = 30.0
# A gateway holds no more than a 16th of a burst, so that a user with sessions at a few still has most of it at each.
MAX_CHUNK = 64
CHUNKS_IN_BURST = 16

Clock = Callable[[], float]
GoOn = Callable[[ParleyError | None], None]


class Grant:
    """What this gateway may still let a user do. ``left`` is below zero where acts were let through on credit."""

    __slots__ = ("asked", "closed_until", "lapses_at", "left", "waiting")

    def __init__(self, lapses_at: float) -> None:
        self.left = 0
        self.asked = False
        self.closed_until = 0.0
        self.lapses_at = lapses_at
        self.waiting: list[GoOn] = []


class Ask(NamedTuple):
    """For one user's bucket. ``wanted`` 0: give back what is left, or pay what is owed."""

    rate: UserRate
    user_id: int
    grant: Grant
    wanted: int


class Given(NamedTuple):
    """``paid``: units that were used already; ``wait``: seconds from ``asked_at`` until there is a unit."""

    paid: int
    granted: int
    wait: float
    asked_at: float


Submit = Callable[[Ask, Callable[[Given | None, ParleyError | None], None]], None]


class TakeTokens:
    """Asks Redis on behalf of many users at once. Safe to repeat: a lost answer costs the user at most a chunk."""

    def __init__(self, redis: Redis, clock: Clock = time.monotonic) -> None:
        self._script = script(redis, "app.message_log", "take_tokens")
        self._clock = clock

    def __call__(self, asks: Sequence[Ask]) -> list[Given]:
        """One answer an ask. Raise RedisError."""
        asked_at = self._clock()
        used = [ask.rate.to_pay(ask.grant, ask.wanted) for ask in asks]
        arguments: list[float] = []
        for ask, units in zip(asks, used, strict=True):
            arguments += (ask.rate.interval_us, ask.rate.burst, units, ask.wanted)
        answer = self._script(keys=[keys.rate(ask.rate.what, str(ask.user_id)) for ask in asks], args=arguments)
        waits = [int(wait) / 1e6 for wait in answer[1::2]]
        return [Given(*row, asked_at) for row in zip(used, map(int, answer[::2]), waits, strict=True)]


class UserRate:
    """``rate`` acts a second, sustained, and ``burst`` at once; a rate of 0 is no limit."""

    def __init__(self, what: str, rate: float, burst: int, submit: Submit, clock: Clock = time.monotonic) -> None:
        self.what = what
        self.burst = burst
        self.interval_us = 1e6 / rate if rate > 0 else 0.0
        self.chunk = max(1, min(MAX_CHUNK, burst // CHUNKS_IN_BURST))
        self.credit = max(1, self.chunk // 4)
        self._low = self.chunk // 4
        self._submit = submit
        self._clock = clock
        self._grants: dict[int, Grant] = {}  # about in the order in which they lapse

    def __len__(self) -> int:
        return len(self._grants)

    def take(self, user_id: int) -> bool:
        """Count one act. False: nothing is counted yet, and ``on_granted`` must be told what to do. Raise
        RateLimited, and count nothing, where none is left. Never blocks."""
        grant = self._grants.get(user_id)
        if grant is not None and grant.left > self._low:
            grant.left -= 1
            return True
        return not self.interval_us or self._take_last(user_id, grant or self._begin(user_id))

    def spend(self, user_id: int, go_on: GoOn) -> None:
        """``go_on(None)`` once the act is counted, mostly at once, or ``go_on(RateLimited)``."""
        try:
            counted = self.take(user_id)
        except RateLimited as error:
            go_on(error)
            return
        if counted:
            go_on(None)
        else:
            self.on_granted(user_id, go_on)

    def count(self, user_id: int) -> None:
        """The same for who may block: return once the act is counted. Raise RateLimited."""
        if not self.take(user_id):
            answer = AsyncResult()
            self.on_granted(user_id, lambda error: answer.set_exception(error) if error else answer.set())
            answer.get()

    def on_granted(self, user_id: int, go_on: GoOn) -> None:
        """To be called where ``take`` said False, at once. ``go_on(None)`` when the act is counted, or
        ``go_on(RateLimited)``; a user's acts that wait go on in order."""
        self._grants[user_id].waiting.append(go_on)

    def lapse(self) -> None:
        """Give back what was not used in time. To be called every second or so."""
        now = self._clock()
        while self._grants:
            user_id, grant = next(iter(self._grants.items()))
            if grant.lapses_at > now:
                return
            self._let_go(user_id, grant, now)

    def to_pay(self, grant: Grant, wanted: int) -> int:
        """Units that were used without a grant; below zero those that are given back."""
        return max(0, -grant.left) if wanted else -grant.left

    def _take_last(self, user_id: int, grant: Grant) -> bool:
        """Few are at hand, or none: ask for more, once."""
        closed = grant.closed_until > self._clock()
        if not closed and not grant.asked:
            self._ask(user_id, grant)
            closed = grant.closed_until > self._clock()
        if grant.left > (0 if closed else -self.credit):
            grant.left -= 1
            return True
        if closed:
            raise RateLimited(retry_after=self._seconds_until(grant.closed_until))
        return False

    def _seconds_until(self, moment: float) -> float:
        return max(1, math.ceil((moment - self._clock()) * 1000)) / 1000

    def _begin(self, user_id: int) -> Grant:
        now = self._clock()
        if len(self._grants) >= KEPT:
            self._let_go(*next(iter(self._grants.items())), now)
        grant = self._grants[user_id] = Grant(now + HOLD_SECONDS)
        return grant

    def _let_go(self, user_id: int, grant: Grant, now: float) -> None:
        """One that is asked for stays: its answer is on the way."""
        del self._grants[user_id]
        if grant.asked:
            self._keep(user_id, grant, now)
        elif grant.left:
            self._submit(Ask(self, user_id, grant, 0), lambda _given, _error: None)

    def _keep(self, user_id: int, grant: Grant, now: float) -> None:
        grant.lapses_at = now + HOLD_SECONDS
        self._grants[user_id] = grant

    def _ask(self, user_id: int, grant: Grant) -> None:
        grant.asked = True
        wanted = self.chunk - max(0, grant.left)
        self._submit(Ask(self, user_id, grant, wanted), lambda given, _error: self._answered(user_id, grant, given))

    def _answered(self, user_id: int, grant: Grant, given: Given | None) -> None:
        now = self._clock()
        grant.asked = False
        if given is None:
            # Redis is away: as much as at the sustained rate, by this gateway's own clock.
            grant.left = self.chunk
            grant.closed_until = now + self.chunk * self.interval_us / 1e6
        else:
            grant.left += given.paid + given.granted
            grant.closed_until = 0.0 if given.granted else given.asked_at + given.wait
        self._grants.pop(user_id, None)
        self._keep(user_id, grant, max(now, grant.closed_until))
        self._serve(user_id, grant)

    def _serve(self, user_id: int, grant: Grant) -> None:
        waiting, grant.waiting = grant.waiting, []
        for go_on in waiting:
            self.spend(user_id, go_on)


class Rates(NamedTuple):
    """What a user does by commands, each with a limit of its own."""

    sends: UserRate
    marks: UserRate
    typing: UserRate
    reactions: UserRate
    edits: UserRate

    def lapse(self) -> None:
        for rate in self:
            rate.lapse()


def make_rates(settings: Settings, submit: Submit) -> Rates:
    return Rates(
        UserRate("send", settings.send_rate, settings.send_burst, submit),
        UserRate("mark", settings.mark_rate, settings.mark_burst, submit),
        UserRate("typing", settings.typing_rate, settings.typing_burst, submit),
        UserRate("react", settings.reaction_rate, settings.reaction_burst, submit),
        UserRate("edit", settings.edit_rate, settings.edit_burst, submit),
    )
