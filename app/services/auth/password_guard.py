"""Slows down guessing of passwords, without locking out their owners.

Failures are counted per name and network, with growing delays (app/core/guessing.py). A device on which the user signed
in before has a count of its own: wrong passwords of others do not delay it, even if they come from its own network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from app.core.caller import Caller
from app.core.networks import network_of
from app.services.auth.failure_counter import FailureCounter
from app.services.auth.known_devices import KnownDevice, KnownDevices
from app.services.auth.rate_limit import RateLimits
from app.store import users
from app.store.engine import reading


class PasswordGuard:
    """Both methods raise RateLimited with ``retryAfter``, and Overloaded if a store does not answer. The block checks
    one password (FailureCounter.trying).
    """

    def __init__(self, *, engine: Engine, failures: FailureCounter, limits: RateLimits, devices: KnownDevices) -> None:
        self._engine = engine
        self._failures = failures
        self._limits = limits
        self._devices = devices

    @contextmanager
    def signing_in(self, address: str, username: str, device_token: str | None) -> Iterator[None]:
        """Guards a sign-in by somebody who is not known yet."""
        device = self._devices.read(device_token)
        if device is not None and self._belongs_to(device, username):
            with self._failures.trying(f"device {device.sid}"):
                yield
            return
        self._limits.sign_in(address, username)
        with self._failures.trying(f"{network_of(address)} {username.lower()}"):
            yield

    @contextmanager
    def confirming(self, address: str, caller: Caller) -> Iterator[None]:
        """Guards a check of the caller's own password: a token may be stolen."""
        self._limits.password(address, caller.user_id, caller.sid)
        with self._failures.trying(f"sign-in {caller.sid}"):
            yield

    def _belongs_to(self, device: KnownDevice, username: str) -> bool:
        self._limits.known_device(device.sid)
        with reading(self._engine) as conn:
            user = users.find_user_by_username(conn, username)
        return user is not None and user.id == device.user_id
