"""Passwords: Argon2id, equal work for unknown users, and a hub that keeps running while hashes are computed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.services.auth.passwords import Passwords

passwords = Passwords()


def test_password_matches_only_its_own_hash() -> None:
    stored = passwords.hash("pässwörd \U0001f511")
    assert passwords.verify(stored, "pässwörd \U0001f511")
    assert not passwords.verify(stored, "passwörd \U0001f511")
    assert stored != passwords.hash("pässwörd \U0001f511")


def test_hash_costs_what_owasp_advises() -> None:
    assert passwords.hash("password").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    cheap = Passwords(memory_kib=8, passes=1)
    assert cheap.hash("password").startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert cheap.verify(passwords.hash("password"), "password")


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$v=19$m=19456,t=2,p=1$broken"])
def test_without_a_stored_password_nothing_matches(stored: str | None) -> None:
    assert not passwords.verify(stored, "")
    assert not passwords.verify(stored, "anything")


def test_unknown_user_costs_the_same_work_as_a_known_one() -> None:
    somebody = passwords.hash("somebody's")
    done: list[str] = []

    class Counting(Passwords):
        def _matches(self, stored: str, password: str) -> bool:
            done.append(stored.rpartition("$")[0].rpartition("$")[0])
            return super()._matches(stored, password)

    counting = Counting()
    counting.verify(None, "a guess")
    counting.verify(somebody, "a guess")
    assert len(done) == 2
    assert done[0] == done[1]  # the same algorithm and costs


def test_hash_of_no_password_is_compared_to_its_end() -> None:
    """A malformed hash would be refused at once, and the time would reveal that there is no such user."""
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(passwords._nobody, "a guess")
    assert passwords._nobody != Passwords()._nobody


PROGRAM = """
from gevent import monkey; monkey.patch_all()
import gevent
from app.core.errors import Overloaded
from app.services.auth.passwords import Passwords
from app.work_threads import WorkThreads
turns = 0
def turn():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)
hasher = Passwords(run=WorkThreads(2).run, max_pending=4)
stored = hasher.hash("password")
gevent.spawn(turn)
gevent.sleep(0)
turns = 0
assert hasher.verify(stored, "password")
assert turns > 20, turns
answers = []
def try_one():
    try:
        answers.append(hasher.verify(stored, "password"))
    except Overloaded as error:
        answers.append(error.extra["retryAfter"])
gevent.joinall([gevent.spawn(try_one) for _ in range(6)])
assert sorted(map(str, answers)) == ["5", "5", *["True"] * 4], answers
"""


def test_hashing_does_not_block_the_hub_and_its_queue_is_bounded() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
