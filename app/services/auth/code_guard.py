"""Slows down guessing of one-time codes, which have only six digits.

Failures are counted per user, over all networks, and per user and network. A known device, and a device that is signed
in, is counted by itself instead: nobody else can delay it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.caller import Caller
from app.core.networks import network_of
from app.services.auth.challenges import Challenge
from app.services.auth.failure_counter import FailureCounter

# Longer than for passwords: an hour's pause must not give ten new tries without delay.
FORGET_MS = 24 * 3600 * 1000


class CodeGuard:
    """Both methods raise RateLimited with ``retryAfter``, and Overloaded without Redis. The block checks one code."""

    def __init__(self, failures: FailureCounter) -> None:
        self._failures = failures

    @contextmanager
    def signing_in(self, address: str, challenge: Challenge) -> Iterator[None]:
        user = f"code {challenge.user_id}"
        counts = [f"{user} device {challenge.device}"] if challenge.device else [f"{user} {network_of(address)}", user]
        with self._failures.trying(*counts, forget_ms=FORGET_MS):
            yield

    @contextmanager
    def confirming(self, caller: Caller) -> Iterator[None]:
        with self._failures.trying(f"code {caller.user_id} sign-in {caller.sid}", forget_ms=FORGET_MS):
            yield
