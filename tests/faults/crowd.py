"""Pairs of talkers in one thread, some of them also in groups; their common log file, and the verdict on it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from dev.processes import wait_until
from tests.faults.deliveries import Deliveries
from tests.faults.history import read_histories, violations
from tests.faults.outside import Outside
from tests.faults.sharing import share_pictures
from tests.faults.stored import read_stored
from tests.faults.talker import Talker
from tests.faults.wires import all_closed
from tests.support.clients import Account, Refused, RestClient, register

# Or 12, or 20 as in `make faults`: with these numbers, every member of a group has its own emoji.
PAIRS = int(os.environ.get("PARLEY_FAULT_PAIRS") or 4)
# A worker may have died with a medium, a notification or a webhook; another one takes them over after a lease.
SETTLE_SECONDS = 300
TEST_SECONDS = 560  # from the start of the crowd; after 600, pytest ends the process without a report
ABSENT = 2
SHARERS = 3
GROUPS = (4, 8)  # members of each; the members of the smaller group are in the larger one too


class Crowd:
    """Started by ``chattering``. Every wait has a deadline and names its condition on failure.

    With ``reads=False`` no message is marked read, so that after a resync everything can be fetched as unread.
    ``watch`` gets every record of the log file.
    """

    def __init__(
        self,
        urls: list[str],
        log_path: Path,
        seed: int,
        outside: Outside,
        pairs: int = PAIRS,
        pace: float = 0.5,
        reads: bool = True,
        watch: Callable[[dict[str, Any]], None] = lambda _record: None,
    ) -> None:
        self._watch = watch
        self.urls, self.log_path, self.outside = urls, log_path, outside
        self._began = time.monotonic()
        self._random = random.Random(seed)
        self._log = log_path.open("a", encoding="utf-8", buffering=1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crowd", daemon=True)
        self.accounts = self._register(2 * pairs)
        self.talkers: list[Talker] = []
        self.deliveries = Deliveries()
        self.recovery: tuple[float, float] | None = None
        self._leaving = threading.Thread(target=self._remove_one, name="remover", daemon=True)
        self._ending = threading.Event()
        for first, second in zip(self.accounts[::2], self.accounts[1::2], strict=True):
            for account, peer in ((first, second), (second, first)):
                seed, number = self._random.getrandbits(32), len(self.talkers)
                self.talkers.append(Talker(account, peer, urls, self._note, seed, pace, reads, self.deliveries, number))
        self.devices = self._register_absent()
        self._groups: list[int] = []
        for size in GROUPS:
            self._make_group(self.talkers[:: 2 * pairs // size][:size])
        self.leaver = self.talkers[2 * pairs - 2 * pairs // GROUPS[-1]]  # a member of only the larger group
        self.leaver.may_leave = True
        self._leaves_after = self._random.randrange(2 * len(self.talkers), 4 * len(self.talkers))
        self._tasks: list[asyncio.Task[None]] = []
        self._sharing: list[asyncio.Task[None]] = []

    def _register(self, count: int) -> list[Account]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda i: register(self.urls[i % len(self.urls)]), range(count)))

    def _register_absent(self) -> dict[int, str]:
        """Registers members of the groups who are never online. Returns the token of each one's device."""
        devices = {}
        for account in self._register(ABSENT):
            client = RestClient(self.urls[0], account.access_token)
            devices[account.user_id] = token = f"token-{uuid.uuid4().hex}"
            client.json("POST", "/push/devices", json={"token": token, "platform": "android"})
            client.close()
        return devices

    def _make_group(self, talkers: list[Talker]) -> None:
        """Puts these talkers and the absent users into a new group."""
        owner = RestClient(self.urls[0], talkers[0].account.access_token)
        try:
            made = owner.group("Crowd", [*(talker.account.user_id for talker in talkers), *self.devices])["id"]
        finally:
            owner.close()
        self._groups.append(made)
        for talker in talkers:
            talker.groups.append(made)

    def _remove_one(self) -> None:
        """Removes one member from the larger group when enough was sent, and repeats that until it is stored."""
        while sum(talker.acked for talker in self.talkers) < self._leaves_after:
            if self._ending.wait(0.05):
                break
        path, body = f"/conversations/{self._groups[-1]}/members", {"userIds": [self.leaver.account.user_id]}
        for url in itertools.cycle(self.urls):
            owner = RestClient(url, self.talkers[0].account.access_token, timeout=5)
            try:
                if owner.request("DELETE", path, json=body).status_code == 200:
                    return
            except (httpx.HTTPError, Refused):
                pass
            finally:
                owner.close()
            time.sleep(0.2)

    def _note(self, **record: Any) -> None:
        self._watch(record)
        self._log.write(json.dumps(record) + "\n")

    # -- life ------------------------------------------------

    def start(self) -> None:
        self._thread.start()
        self._leaving.start()
        self._in_loop(self._start())

    async def _start(self) -> None:
        self._tasks = [asyncio.ensure_future(talker.run()) for talker in self.talkers]
        sharers = [talker for talker in self.talkers if talker.groups and not talker.may_leave][:SHARERS]
        self._sharing = [
            asyncio.ensure_future(share_pictures(talker, talker.groups[-1], self._random)) for talker in sharers
        ]

    def _in_loop(self, work: Any, timeout: float = 20) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._in_loop(self._stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()
        self._log.close()

    async def _stop(self) -> None:
        for talker in self.talkers:
            talker.over = True
        for task in self._tasks + self._sharing:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._sharing, return_exceptions=True)
        await all_closed()

    # -- waiting ---------------------------------------------

    def _wait(self, done: Callable[[], bool], timeout: float, what: str, every: float = 0.02) -> None:
        def check() -> bool:
            broken = [task.exception() for task in self._tasks if task.done() and not task.cancelled()]
            broken += [task.exception() for task in self._sharing if task.done() and task.exception()]
            assert not broken, f"a talker broke: {broken[0]!r}"
            return done()

        try:
            wait_until(check, timeout, what, every=every)
        except TimeoutError as late:
            stuck = [(t.account.user_id, t.connections, t.acked, len(t.pending)) for t in self.talkers]
            raise TimeoutError(f"{late}; (user, connections, acked, pending): {stuck}") from None

    def fault_over(self, timeout: float = 60) -> None:
        """Measures the recovery: the time from now to the first ack, and the time until everybody has an ack and a
        message.
        """
        began = time.monotonic()
        acked, received = [t.acked for t in self.talkers], [t.received for t in self.talkers]
        self._wait(lambda: sum(t.acked for t in self.talkers) > sum(acked), timeout, "the first ack after the fault")
        first = time.monotonic() - began
        self._wait(
            lambda: all(t.acked > a and t.received > r for t, a, r in zip(self.talkers, acked, received, strict=True)),
            timeout,
            "an ack and a message for everybody after the fault",
        )
        self.recovery = (first, time.monotonic() - began)

    def wait_acks(self, each: int, timeout: float = 30) -> None:
        """Waits until every talker has ``each`` more acks."""
        before = [t.acked for t in self.talkers]
        self._wait(
            lambda: all(t.acked >= b + each for t, b in zip(self.talkers, before, strict=True)),
            timeout,
            f"{each} more acks for everyone",
        )

    def wait_received(self, each: int, timeout: float = 30) -> None:
        """Waits until every talker has received ``each`` more messages."""
        before = [t.received for t in self.talkers]
        self._wait(
            lambda: all(t.received >= b + each for t, b in zip(self.talkers, before, strict=True)),
            timeout,
            f"{each} more messages for everyone",
        )

    def wait_pending(self, total: int, timeout: float = 30) -> None:
        """Waits until ``total`` sends of all talkers together have no ack yet."""
        self._wait(lambda: sum(len(t.pending) for t in self.talkers) >= total, timeout, f"{total} unacked sends")

    def wait_for(self, done: Callable[[], bool], timeout: float, what: str) -> None:
        self._wait(done, timeout, what)

    def secrets(self) -> list[str]:
        return [secret for one in self.accounts for secret in (one.access_token, one.refresh_token)]

    def figures(self) -> list[tuple[str, object]]:
        """Returns the figures of this run for the report."""
        found: list[tuple[str, object]] = [("acked", sum(t.acked for t in self.talkers))]
        found.append(("delivery_p99", round(self.deliveries.p99(), 3)))
        refusal = max(talker.worst_refusal for talker in self.talkers)
        found += [("refusal", round(refusal, 3))] if refusal else []
        if self.recovery is not None:
            found += zip(("first_ack", "up_to_date"), (round(seconds, 3) for seconds in self.recovery), strict=True)
        return found

    # -- the end ---------------------------------------------

    def finish(self, database_url: str, ack_timeout: float = 60) -> list[str]:
        """Stops sending, waits for all pending acks, resumes one last time, and returns everything that is wrong."""
        for talker in self.talkers:
            talker.talking = False
        self._ending.set()
        self._leaving.join(ack_timeout)
        assert not self._leaving.is_alive(), "nobody could be removed from the group"
        self._wait(
            lambda: not any(t.waits for t in self.talkers) and all(task.done() for task in self._sharing),
            ack_timeout,
            "an ack for every send and change",
        )
        before = [t.connections for t in self.talkers]
        self._in_loop(self._hang_up_all(), 30)
        self._wait(
            lambda: all(t.connections > b for t, b in zip(self.talkers, before, strict=True)),
            30,
            "the last resume",
        )
        self._wait(lambda: not any(t.must_fetch for t in self.talkers), 20, "the messages to fetch after a resync")
        return self._violations(database_url) + [complaint for t in self.talkers for complaint in t.complaints]

    def _violations(self, database_url: str) -> list[str]:
        """Returns all violations that are left when everything has had the time to arrive."""
        users = [account.user_id for account in self.accounts]
        found: list[str] = []

        def no_violations() -> bool:
            self._log.flush()
            stored = read_stored(database_url, users)
            found[:] = violations(read_histories(self.log_path).values(), stored)
            found.extend(self.outside.violations(self.devices, stored))
            return not found

        with contextlib.suppress(TimeoutError):  # anything still missing is in `found`
            left = self._began + TEST_SECONDS - time.monotonic()
            self._wait(no_violations, min(SETTLE_SECONDS, left), "everyone to have everything", every=0.5)
        return found

    def drop_connections(self) -> None:
        """Cuts the connections of all talkers at once, without a close frame."""
        self._loop.call_soon_threadsafe(lambda: [talker.drop() for talker in self.talkers])

    async def _hang_up_all(self) -> None:
        await asyncio.gather(*(talker.hang_up() for talker in self.talkers))


@contextmanager
def chattering(urls: list[str], log_path: Path, seed: int, **options: Any) -> Iterator[Crowd]:
    """A crowd that talks. When the block begins, every talker has had an ack and a message."""
    crowd = Crowd(urls, log_path, seed, **options)
    try:
        crowd.start()
        crowd.wait_acks(1)
        crowd.wait_received(1)
        yield crowd
    finally:
        crowd.stop()
