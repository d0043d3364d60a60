"""A deployment with a replica: every route that it serves shows everything that was written before, no matter what the
replica does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from dev.embedded import EmbeddedStores
from dev.embedded_postgres import EmbeddedPostgres
from dev.processes import wait_until
from tests.conftest import StackFactory
from tests.support.clients import RestClient, register
from tests.support.patience import PATIENCE
from tests.support.processes import Stack
from tests.support.replica import pause_replay, resume_replay, streaming_replica

WORD = "weatherbird"


@pytest.fixture(scope="module")
def replica(stores: EmbeddedStores, work_dir: Path, database_url: str) -> Iterator[EmbeddedPostgres]:
    assert database_url  # the database exists before it is copied
    with streaming_replica(stores.postgres, work_dir / "replica-of-routes", stores.guard) as running:
        yield running


@pytest.fixture(scope="module")
def stack(make_stack: StackFactory, replica: EmbeddedPostgres, database_url: str) -> Stack:
    url = replica.url(str(make_url(database_url).database))
    limits = {"EXPORTS_PER_DAY": "1000", "READ_RATE": "0"}
    return make_stack(env={"DATABASE_REPLICA_URL": url, **limits})


class Chat:
    """A user with two conversations, and the routes that a replica serves. Each call shows the newest message."""

    def __init__(self, stack: Stack) -> None:
        ann, ben, eve = (register(stack.base_url) for _ in range(3))
        self.rest = RestClient(stack.base_url, ann.access_token)
        self.older = self.rest.send(receiver_id=eve.user_id)["conversationId"]
        self.ack = self.rest.send(receiver_id=ben.user_id)
        self.place: int = self.ack["conversationId"]

    def write(self) -> None:
        """Sends a message that every route shows, and returns when it is stored."""
        text = f"{WORD} https://chat.example"
        self.ack = self.rest.send(conversation_id=self.place, message=text)
        self.rest.request("PUT", f"/messages/{self.ack['id']}/star")

    def ids(self, path: str, **params: Any) -> list[str]:
        return [message["id"] for message in self.rest.json("GET", path, params=params)["messages"]]

    def history(self) -> list[str]:
        return self.ids(f"/conversations/{self.place}/messages", limit=1)

    def older_history(self) -> list[str]:
        return self.ids(f"/conversations/{self.place}/messages", before=self.ack["seq"] + 1, limit=1)

    def newer_history(self) -> list[str]:
        return self.ids(f"/conversations/{self.place}/messages", after=self.ack["seq"] - 1)

    def around(self) -> list[str]:
        return self.ids(f"/conversations/{self.place}/messages", around=self.ack["id"], limit=2)

    def at(self) -> list[str]:
        return self.ids(f"/conversations/{self.place}/messages", at=self.ack["sentAt"], limit=50)

    def search(self) -> list[str]:
        return self.ids("/search", q=WORD, limit=1)

    def links(self) -> list[str]:
        return self.ids(f"/conversations/{self.place}/media", kind="link", limit=1)

    def starred(self) -> list[str]:
        return self.ids("/starred", limit=1)

    def export(self) -> list[str]:
        path = f"/me/exports/{self.rest.json('POST', '/me/export')['exportId']}"
        wait_until(lambda: self.rest.json("GET", path)["status"] == "ready", PATIENCE, "the export")
        lines = self.rest.request("GET", f"{path}/file").text.splitlines()
        return [line["id"] for line in map(json.loads, lines) if line["type"] == "message"]

    def second_page(self) -> list[int]:
        """Returns the ids of the conversations after the first one."""
        cursor = self.rest.json("GET", "/conversations", params={"limit": 1})["cursor"]
        page = self.rest.json("GET", "/conversations", params={"limit": 1, "cursor": cursor})
        return [conversation["id"] for conversation in page["conversations"]]


@pytest.fixture(scope="module")
def chat(stack: Stack) -> Iterator[Chat]:
    made = Chat(stack)
    yield made
    made.rest.close()


@pytest.fixture
def paused(replica: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    pause_replay(replica)
    yield replica
    resume_replay(replica)


ROUTES: list[Callable[[Chat], list[str]]] = [
    Chat.history,
    Chat.older_history,
    Chat.newer_history,
    Chat.around,
    Chat.at,
    Chat.search,
    Chat.links,
    Chat.starred,
    Chat.export,
]
ON_WEB = {route: 1 for route in ROUTES if route is not Chat.export} | {Chat.around: 2, Chat.at: 3}


def outcomes(stack: Stack) -> dict[str, int]:
    text = httpx.get(f"{stack.base_url}/metrics").text
    found = re.findall(r'^parley_replica_reads_total\{outcome="(\w+)",process="[^"]*"\} (\d+)', text, re.MULTILINE)
    return {outcome: int(count) for outcome, count in found}


def wait_for_reads(stack: Stack, outcome: str, more: int, before: dict[str, int]) -> None:
    wanted = before.get(outcome, 0) + more
    wait_until(lambda: outcomes(stack).get(outcome, 0) >= wanted, PATIENCE, f"{more} reads with the outcome {outcome}")


def wait_for_replica(stack: Stack, chat: Chat) -> None:
    def answers() -> bool:
        before = outcomes(stack)
        chat.history()
        wait_until(lambda: outcomes(stack) != before, PATIENCE, "the metrics")
        return outcomes(stack).get("replica", 0) > before.get("replica", 0)

    wait_until(answers, 2 * PATIENCE, "the replica")


def warnings(stack: Stack) -> list[str]:
    answer = httpx.get(f"{stack.base_url}/readyz?verbose", timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return [warning for warning in answer.json()["warnings"] if "replica" in warning]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
def test_each_route_shows_what_was_written_before(chat: Chat, route: Callable[[Chat], list[str]]) -> None:
    for _ in range(5):
        chat.write()
        assert chat.ack["id"] in route(chat)


def test_the_replica_serves_these_routes(stack: Stack, chat: Chat) -> None:
    chat.write()
    wait_for_replica(stack, chat)
    before = outcomes(stack)
    for route in ON_WEB:
        route(chat)
    assert chat.second_page() == [chat.older]
    wait_for_reads(stack, "replica", sum(ON_WEB.values()) + 1, before)
    assert warnings(stack) == []


def test_a_replica_that_lags_hides_nothing(stack: Stack, chat: Chat, paused: EmbeddedPostgres) -> None:
    assert paused.running()
    chat.write()
    before = outcomes(stack)
    for route in ROUTES:
        assert chat.ack["id"] in route(chat), route.__name__
    assert chat.second_page() == [chat.older]
    wait_for_reads(stack, "behind", sum(ON_WEB.values()) + 1, before)
    assert ["behind" in warning for warning in warnings(stack)] == [True]


def test_a_new_group_and_its_members_are_seen_at_once(chat: Chat, paused: EmbeddedPostgres) -> None:
    """These changes are not in the log: only the position in the write-ahead log covers them."""
    assert paused.running()
    group = chat.rest.group("Group")["id"]
    assert [message["seq"] for message in chat.rest.history(group)["messages"]] == [1]


def test_without_its_replica_the_deployment_goes_on(stack: Stack, chat: Chat, replica: EmbeddedPostgres) -> None:
    replica.kill()
    try:
        chat.write()
        for route in ROUTES:
            assert chat.ack["id"] in route(chat), route.__name__
        assert ["does not answer" in warning for warning in warnings(stack)] == [True]
        assert httpx.get(f"{stack.base_url}/readyz").status_code == 200
    finally:
        replica.start()
    wait_for_replica(stack, chat)
    assert warnings(stack) == []
