"""Connections that are opened and then send too little."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from tests.attack.attackers import Held, attacking
from tests.attack.conftest import rounds
from tests.attack.honest import People
from tests.support.patience import PATIENCE
from tests.support.processes import Stack

COUNT = 2000  # as many as WORKER_CONNECTIONS
SLOW = {
    "bodies": b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 99\r\n\r\n{",
    "unfinished headers": b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-A",
    "silent sockets": b"",
}


@pytest.mark.parametrize("what", list(SLOW))
def test_slow(server: Stack, people: People, what: str) -> None:
    held = Held(server.base_url, COUNT, lambda _: SLOW[what])
    with attacking(held):
        assert held.full.wait(4 * PATIENCE)
        people.talk_through(rounds())


def test_slow_bodies_from_many_addresses(server: Stack, people: People) -> None:
    """The process is full for everybody, but not dead, and serves again when the attack ends."""
    crowd = [Held(server.base_url, COUNT // 2, lambda _: SLOW["bodies"], f"127.0.0.{n}") for n in (3, 4, 5)]
    with attacking(*crowd):
        assert all(held.full.wait(4 * PATIENCE) for held in crowd)
        for _ in range(rounds()):
            assert _healthy(server)


def _healthy(server: Stack) -> bool:
    """Tries a few times, as a platform does, because the 256 answers that a full process has room for may be taken."""
    for _ in range(10):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{server.base_url}/healthz", timeout=PATIENCE, trust_env=False).status_code == 200:
                return True
    return False
