"""Hashes and verifies passwords with Argon2id."""

from __future__ import annotations

import base64
import copy
import secrets
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from argon2 import DEFAULT_HASH_LENGTH, DEFAULT_RANDOM_SALT_LENGTH, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from app.core.password_cost import MEMORY_KIB, PASSES
from app.services.auth.turns import Turns

T = TypeVar("T")

LANES = 1
MAX_PENDING = 200  # at 20 ms each on two threads, the last one waits 2 s
AT_ONCE = 2


class RunWork(Protocol):
    """Runs a computation to its end and returns its result; app/work_threads.py does so in a thread."""

    def __call__(self, work: Callable[..., T], *args: Any) -> T: ...


def run_here(work: Callable[..., T], *args: Any) -> T:
    return work(*args)


def _hash_of_no_password(memory_kib: int, passes: int) -> str:
    """Returns a hash that was not computed. Computing one would leave 19 MiB allocated in each process."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (DEFAULT_RANDOM_SALT_LENGTH, DEFAULT_HASH_LENGTH)
    )
    return f"$argon2id$v={ARGON2_VERSION}$m={memory_kib},t={passes},p={LANES}${salt}${digest}"


class Passwords:
    """``run`` computes each hash. It should not block other greenlets, since a hash takes about 20 ms.

    At most ``at_once`` hashes are computed at once. Together with those that wait, there are at most ``max_pending``.
    Beyond that, the network with the most pending hashes gets Overloaded.
    """

    def __init__(
        self,
        *,
        run: RunWork = run_here,
        memory_kib: int = MEMORY_KIB,
        passes: int = PASSES,
        max_pending: int = MAX_PENDING,
        at_once: int = AT_ONCE,
    ) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=LANES)
        # Passwords of unknown users are compared with this hash, so that the answer takes as long as for a known user.
        self._nobody = _hash_of_no_password(memory_kib, passes)
        self._run = run
        self._turns = Turns(at_once, max_pending - at_once)
        self._network = ""

    def for_network(self, network: str) -> Passwords:
        """Returns the same passwords, for requests from this network. All networks get their turns."""
        theirs = copy.copy(self)
        theirs._network = network
        return theirs

    def hash(self, password: str) -> str:
        return self._compute(self._hasher.hash, password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Returns whether the password matches the stored hash; False if ``stored`` is None.

        Takes the same time whether the password is wrong or no hash is stored.
        """
        matches = self._compute(self._matches, stored or self._nobody, password)
        return matches and stored is not None

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _compute(self, work: Callable[..., T], *args: Any) -> T:
        with self._turns.turn(self._network):
            return self._run(work, *args)
