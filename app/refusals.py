"""Slows down clients that are refused again and again, because a refusal costs as much CPU as an answer.

The first refusals of a network are given at once. Then they wait for their turn, as do its handshakes after sessions
that ended for bad behaviour. Only gunicorn's worker turns this on. It imports this before gevent patches the process,
so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import time

import gevent

from app.core.close_codes import CloseCode
from app.core.keyed_rate import KeyedRate

AT_ONCE = 30
END_TURNS = 5  # an end costs as much as several refusals: a handshake, a join, and later frames
LONGEST_SECONDS = 5.0
REFUSED_STATUSES = frozenset({401, 429})
BAD_ENDS = frozenset(
    {
        CloseCode.PROTOCOL_ERROR,
        CloseCode.UNSUPPORTED_DATA,
        CloseCode.INVALID_PAYLOAD,
        CloseCode.POLICY_VIOLATION,
        CloseCode.TOO_BIG,
        CloseCode.UNAUTHORIZED,
        CloseCode.NOT_JOINED,
    }
)


class Refusals:
    """At most ``per_second`` refusals of one network are given, sustained, and AT_ONCE at once. 0 is no limit."""

    def __init__(self, per_second: float = 0.0) -> None:
        self.limit(per_second)

    def limit(self, per_second: float) -> None:
        self._rate = KeyedRate(per_second, AT_ONCE) if per_second > 0 else None

    def note_end(self, network: str) -> None:
        """Counts a session that ended for bad behaviour."""
        if self._rate is not None:
            self._rate.delay(network, time.monotonic(), longest=LONGEST_SECONDS, turns=END_TURNS)

    def hold(self, network: str) -> None:
        """Counts a refusal and returns when it may be given, at most LONGEST_SECONDS later."""
        if self._rate is not None:
            _sleep(self._rate.delay(network, time.monotonic(), longest=LONGEST_SECONDS))

    def wait(self, network: str) -> None:
        """Returns when the network may be refused again, at most LONGEST_SECONDS later. Counts nothing."""
        if self._rate is not None:
            _sleep(self._rate.next_delay(network, time.monotonic()))


def _sleep(seconds: float) -> None:
    if seconds > 0:
        gevent.sleep(min(seconds, LONGEST_SECONDS))


REFUSALS = Refusals()  # the process's own
