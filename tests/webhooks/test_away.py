"""A receiver that is away for an hour, on a clock that the test puts forward, while workers are killed."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.core.webhooks import RETRY_SECONDS
from app.store.webhook_queue import LEASE_SECONDS
from dev.processes import wait_until
from tests.support.clients import HostClient
from tests.support.patience import PATIENCE
from tests.support.private_stack import UNLIMITED, private_stores, running
from tests.support.processes import Stack
from tests.support.store_clock import StoreClock
from tests.support.webhook_receiver import Received, WebhookReceiver

KEY = "the-key-of-a-host-for-the-tests-of-webhooks"
HOUR = 3600.0
ROOMS, LATER_ROOMS = 12, 2
MARGIN = 0.5  # lanes that are due this close together are tried together
_LANES = """
    SELECT lane, attempts, CAST(date_part('epoch', due_at - test_clock.now()) AS float8) FROM webhook_lanes
"""


@dataclass
class Away:
    """A host whose receiver can be away. ``sent`` are the ids of its messages, by conversation."""

    stack: Stack
    clock: StoreClock
    host: HostClient
    receiver: WebhookReceiver
    sent: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    is_away: bool = True
    is_held: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, _: Received) -> int:
        if self.is_held:
            self.released.wait(PATIENCE)
        return 503 if self.is_away else 204

    def room(self) -> str:
        return str(self.host.new_group("zoe")["externalId"])

    def send(self, rooms: list[str]) -> None:
        for room in rooms:
            body = {"conversation": room, "sender": "zoe", "message": "hello"}
            ack = self.host.answer("POST", "/messages", json=body)
            self.sent[ack["conversationId"]].append(ack["id"])

    def lanes(self) -> dict[int, tuple[int, float]]:
        """Returns the failed attempts of each lane, and in how many seconds it is due."""
        with self.stack.stores.postgres.connect("parley") as connection:
            return {lane: (attempts, due) for lane, attempts, due in connection.execute(_LANES)}

    def wait_queued(self) -> None:
        """Waits until the receiver has refused the new messages of conversations that did not wait already."""
        wait_until(lambda: set(self.sent) <= set(self.lanes()), PATIENCE, "all lanes")
        wait_until(lambda: all(attempts for attempts, _ in self.lanes().values()), PATIENCE, "the first attempts")

    def go_on(self, at_most: float) -> float:
        """Puts the clock forward to the next attempts, and waits until they have failed. Returns by how much."""
        before = self.lanes()
        by = min([at_most, min(due for _, due in before.values()) + MARGIN])
        self.clock.advance(by)
        tried = {lane: attempts for lane, (attempts, due) in before.items() if due <= by}
        wait_until(
            lambda: all(self.lanes()[lane][0] > attempts for lane, attempts in tried.items()), PATIENCE, "the attempts"
        )
        return by

    def pass_time(self, seconds: float) -> None:
        while seconds > 0:
            seconds -= self.go_on(seconds)

    def kill_worker_in_a_request(self) -> None:
        """The clock then moves to the end of the lease."""
        self.is_held = True
        self.released.clear()
        seen = len(self.receiver.attempts)
        due = min(due for _, due in self.lanes().values())
        self.clock.advance(max(0.0, due) + MARGIN)
        wait_until(lambda: len(self.receiver.attempts) > seen, PATIENCE, "a request")
        self.stack.kill_worker(0)
        self.is_held = False
        self.released.set()
        self.clock.advance(LEASE_SECONDS)
        self.stack.start_worker(0)


@pytest.fixture
def away(receiver: WebhookReceiver) -> Iterator[Away]:
    env = {**UNLIMITED, "SERVER_API_KEY": KEY, "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1"}
    with private_stores() as stores:
        clock = StoreClock(stores.postgres)
        urls = {"database_url": stores.postgres.url(), "redis_url": stores.valkey.url()}
        with running(Stack(stores, stores.directory / "logs", env=env, **urls)) as stack:
            host = HostClient(stack.base_url, KEY)
            host.put_user("zoe")
            made = host.answer("POST", "/webhooks", json={"url": receiver.url(), "types": ["message.created"]})
            receiver.secrets["/hook"] = made["secret"]
            started = Away(stack, clock, host, receiver)
            receiver.answer = started.answer
            yield started
            host.close()


def first_arrivals(receiver: WebhookReceiver) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for event in receiver.of("message.created", kind="text"):  # a note says that the group was made
        data: dict[str, Any] = event["data"]
        if data["id"] not in found[data["conversationId"]]:
            found[data["conversationId"]].append(data["id"])
    return found


def test_everything_comes_in_order_after_a_receiver_was_away_for_an_hour(away: Away) -> None:
    rooms = [away.room() for _ in range(ROOMS)]
    away.send(rooms)
    away.wait_queued()
    first_lanes = set(away.lanes())
    away.pass_time(sum(RETRY_SECONDS[:2]))
    away.kill_worker_in_a_request()
    away.send(rooms)  # behind those that wait
    rooms += [away.room() for _ in range(LATER_ROOMS)]
    away.send(rooms[ROOMS:])
    away.wait_queued()
    away.pass_time(HOUR / 2 - away.clock.ahead)
    away.send(rooms)
    away.pass_time(HOUR - away.clock.ahead)
    refused = {lane: attempts for lane, (attempts, _) in away.lanes().items()}
    assert {attempts for lane, attempts in refused.items() if lane in first_lanes} == {5}, "0, 5, 35, 155, 755 s"
    assert away.receiver.arrived == []
    assert away.host.answer("GET", "/webhooks")["webhooks"][0]["state"] == "on"
    away.is_away = False
    away.send(rooms)
    away.kill_worker_in_a_request()  # the receiver has that event, but the delivery is not recorded
    while lanes := away.lanes():
        away.clock.advance(max(0.0, min(due for _, due in lanes.values())) + MARGIN)
        wait_until(lambda lanes=lanes: away.lanes() != lanes, PATIENCE, "the deliveries")
    assert first_arrivals(away.receiver) == away.sent
    ids: dict[str, set[str]] = defaultdict(set)
    for one in away.receiver.attempts:
        ids[one.data["id"]].add(one.id)
    assert {len(of_message) for of_message in ids.values()} == {1}, "a repetition has the same webhook-id"
    arrived = [one.id for one in away.receiver.arrived]
    assert len(arrived) > len(set(arrived)), "no delivery was repeated, so this test shows less"
