"""Passwords: Argon2id, computed in a thread so that the process goes on serving its sessions meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent import monkey
from gevent.threadpool import ThreadPool

from app.core.errors import Overloaded

T = TypeVar("T")

# OWASP's first choice for Argon2id: 19 MiB, two passes, one lane; about 20 ms. More memory would let a burst
# of logins take a small dyno's whole memory.
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
THREADS = 2
MAX_WAITING = 200  # at 20 ms each the last of them waits 2 s


class Passwords:
    """Raises Overloaded where more sign-ins wait than can be answered in time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        # What a password is compared with where there is no such user: the answer takes as long as for one
        # that exists.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        self._pool: ThreadPool | None = None
        self._waiting = 0

    def hash(self, password: str) -> str:
        return self._off_the_hub(self._hasher.hash, password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Takes the same time whether the password is wrong or there is nobody to have one (``stored`` is
        None).
        """
        matches = self._off_the_hub(self._matches, stored or self._nobody, password)
        return matches and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _off_the_hub(self, work: Callable[..., T], *args: Any) -> T:
        """Argon2 releases the GIL but would block the hub's own thread. Without gevent's patch there is no
        hub to block.
        """
        if not monkey.is_module_patched("threading"):
            return work(*args)
        if self._waiting >= MAX_WAITING:
            raise Overloaded("Too many people sign in at once.", retry_after=5)
        self._waiting += 1
        try:
            return self._threads().apply(work, args)  # type: ignore[no-any-return]
        finally:
            self._waiting -= 1

    def _threads(self) -> ThreadPool:
        """Not gevent's shared pool: a rush of logins must not keep name resolution waiting."""
        if self._pool is None:
            self._pool = ThreadPool(THREADS)
        return self._pool
