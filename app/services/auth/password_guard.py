"""Slows down guessing of passwords, without locking out their owners.

Failures are counted per name and network, with growing delays (app/core/guessing.py). A device on which the user signed
in before is counted by itself instead: it does not matter to that device how many wrong passwords others try, even in
its own network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.core.caller import Caller
from app.core.errors import Forbidden, RateLimited, Unauthorized
from app.core.guessing import DELAYS_SECONDS, free_failures
from app.core.networks import network_of
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded
from app.redis_scripts import script
from app.services.auth.known_devices import KnownDevice, KnownDevices
from app.services.auth.rate_limit import RateLimits, digest
from app.store import users
from app.store.engine import reading

FORGET_MS = 3600 * 1000
WRONG_PASSWORD = Unauthorized, Forbidden


class PasswordGuard:
    """Both methods raise RateLimited with ``retryAfter``, and Overloaded if a store does not answer.

    The block checks one password. It counts as a failure if it raises Unauthorized or Forbidden; its success forgets
    earlier failures. ``attempts_per_minute`` 0 is no limit.
    """

    def __init__(
        self, *, engine: Engine, redis: Redis, limits: RateLimits, devices: KnownDevices, attempts_per_minute: int
    ) -> None:
        self._begin_try = script(redis, "app.message_log", "begin_try")
        self._engine = engine
        self._redis = redis
        self._limits = limits
        self._devices = devices
        self._attempts = attempts_per_minute

    @contextmanager
    def signing_in(self, address: str, username: str, device_token: str | None) -> Iterator[None]:
        """Guards a sign-in by somebody who is not known yet."""
        device = self._devices.read(device_token)
        if device is not None and self._belongs_to(device, username):
            with self._trying(f"device {device.sid}"):
                yield
            return
        self._limits.sign_in(address, username)
        with self._trying(f"{network_of(address)} {username.lower()}"):
            yield

    @contextmanager
    def confirming(self, address: str, caller: Caller) -> Iterator[None]:
        """Guards a check of the caller's own password: a token may be stolen."""
        self._limits.password(address, caller.user_id, caller.sid)
        with self._trying(f"sign-in {caller.sid}"):
            yield

    def _belongs_to(self, device: KnownDevice, username: str) -> bool:
        self._limits.known_device(device.sid)
        with reading(self._engine) as conn:
            user = users.find_user_by_username(conn, username)
        return user is not None and user.id == device.user_id

    @contextmanager
    def _trying(self, who: str) -> Iterator[None]:
        if not self._attempts:
            yield
            return
        key = keys.password_failures(digest(who))
        self._begin(key)
        try:
            yield
        except WRONG_PASSWORD:
            raise
        except Exception:
            self._take_back(key)  # no password was checked
            raise
        self._forget(key)

    def _begin(self, key: str) -> None:
        delays = (seconds * 1_000_000 for seconds in DELAYS_SECONDS)
        with redis_errors_as_overloaded():
            wait = int(self._begin_try(keys=[key], args=[free_failures(self._attempts), FORGET_MS, *delays]))
        if wait > 0:
            raise RateLimited(retry_after=math.ceil(wait / 1_000_000))

    def _take_back(self, key: str) -> None:
        with suppress(RedisError), self._redis.pipeline() as pipe:
            pipe.hincrby(key, "n", -1)
            pipe.pexpire(key, FORGET_MS)
            pipe.execute()

    def _forget(self, key: str) -> None:
        with suppress(RedisError):
            self._redis.delete(key)
