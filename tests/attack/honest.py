"""People who sign in, send, receive and look at the health check while others attack."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import httpx

from tests.support.clients import RestClient, WsClient, register
from tests.support.patience import PATIENCE

SENDERS = 10  # in turn, because each may sign in 30 times a minute
PAUSE = 60 / 30 / SENDERS


class People:
    """Every step must succeed within PATIENCE; a refusal or a lost session is a violation."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.senders = [register(base_url) for _ in range(SENDERS)]
        self.reader = WsClient(base_url, register(base_url))
        self.reader.join()
        self._turn = itertools.cycle(self.senders)
        self.begin()

    def begin(self) -> None:
        self._seconds: list[float] = []

    def talk(self, rounds: int, while_: Callable[[], bool] = lambda: False) -> None:
        """Makes ``rounds`` rounds, and more for as long as ``while_`` holds."""
        done = 0
        while done < rounds or while_():
            began = time.monotonic()
            self._round()
            done += 1
            self._seconds.append(time.monotonic() - began)
            time.sleep(PAUSE)

    def talk_through(self, rounds: int) -> None:
        """Makes the rounds of one attack, which lasts at least half a second for each of them."""
        end = time.monotonic() + rounds / 2
        self.talk(rounds, lambda: time.monotonic() < end)

    def _round(self) -> None:
        account = next(self._turn)
        visitor = RestClient(self.base_url)
        account.access_token = visitor.login(account.username, account.password)["accessToken"]
        visitor.close()
        sender = WsClient(self.base_url, account)
        try:
            sent = sender.join().send("hello", receiver_id=self.reader.account.user_id)
            assert sent["status"] == "stored"
            self.reader.next_message(sent["id"])
        finally:
            sender.finish()
        health = httpx.get(f"{self.base_url}/healthz", timeout=PATIENCE, trust_env=False)
        assert health.status_code == 200, health.text
        assert not self.reader.ended, f"the reader was cut with {self.reader.close_code}"

    def summary(self) -> str:
        return f"{len(self._seconds)} honest rounds, the slowest took {max(self._seconds, default=0):.2f} s"

    def finish(self) -> None:
        self.reader.finish()
