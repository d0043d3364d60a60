"""Direct conversations that are held back from their receiver: in Redis, and while their admission is being stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pytest
import redis
from sqlalchemy import Engine, text

from app.core.records import unpack
from app.message_log import keys
from app.message_log.shards import Shard, Shards
from app.message_log.tails import read_tail
from app.services.reading import memberships
from app.services.reading.memberships import memberships_now
from app.store.engine import autocommit, writing
from app.store.exports import next_conversation
from dev.processes import wait_until
from tests.support.clients import Account, Refused, RestClient, WsClient, register
from tests.support.patience import PATIENCE
from tests.support.processes import Stack

STACK = {"env": {"WRITES_PER_MINUTE": "0"}}


class Held(NamedTuple):
    """Ann lets nobody write to her. Ben has written to her twice."""

    server: Stack
    ann: RestClient
    account: Account
    ben: RestClient
    ben_id: int
    id: int
    redis: redis.Redis
    engine: Engine

    def accept(self) -> None:
        self.ann.request("POST", f"/requests/{self.id}/accept")

    def members(self) -> list[int]:
        return list(unpack(self.redis.hget(keys.FIRST.conversation(self.id), "m")))

    def wait_until_stored(self) -> None:
        wait_until(lambda: self.redis.xlen(keys.FIRST.log) == 0 or None, PATIENCE, "the log is stored")


@pytest.fixture
def held(server: Stack, redis_client: redis.Redis, engine: Engine) -> Iterator[Held]:
    ann, ben = register(server.base_url), register(server.base_url)
    mine, theirs = (RestClient(server.base_url, account.access_token) for account in (ann, ben))
    mine.json("PATCH", "/me", json={"mayWriteToMe": "nobody"})
    for message in ("one", "two"):
        conversation = theirs.send(receiver_id=ann.user_id, message=message)["conversationId"]
    found = Held(server, mine, ann, theirs, ben.user_id, conversation, redis_client, engine)
    found.wait_until_stored()
    yield found
    for client in (mine, theirs):
        client.close()


@contextmanager
def unstored_admission(held: Held) -> Iterator[threading.Event]:
    """Ann accepts, and the drain cannot store it until the event is set, or the context ends."""
    release, locked = threading.Event(), threading.Event()

    def lock() -> None:
        with writing(held.engine) as connection:
            row = {"c": held.id, "u": held.account.user_id}
            query = "SELECT FROM members WHERE conversation_id = :c AND user_id = :u FOR UPDATE"
            connection.execute(text(query), row)
            locked.set()
            release.wait(PATIENCE)

    def accept() -> None:
        with suppress(Refused):  # `overloaded`, if the machine is so busy that the test takes longer than an ack may
            held.accept()

    threads = [threading.Thread(target=lock), threading.Thread(target=accept)]
    threads[0].start()
    assert locked.wait(PATIENCE)
    threads[1].start()
    try:
        admitted = lambda: held.id in read_tail(Shard(held.redis), []).admitted([held.account.user_id]) or None  # noqa: E731
        wait_until(admitted, PATIENCE, "the admission is in the log")
        yield release
    finally:
        release.set()
        for thread in threads:
            thread.join()


def test_conversation_stays_held_back_when_redis_loads_it_again(held: Held) -> None:
    assert held.members() == [held.ben_id]
    held.redis.delete(keys.FIRST.conversation(held.id))
    held.ben.send(conversation_id=held.id)
    assert held.members() == [held.ben_id]
    assert held.ann.fetch_unread()["messages"] == []
    held.accept()
    both = sorted([held.account.user_id, held.ben_id])
    assert held.members() == both
    held.redis.delete(keys.FIRST.conversation(held.id))
    held.ben.send(conversation_id=held.id)
    assert held.members() == both
    assert held.ann.conversation(held.id)["unread"] == 4


def test_admission_that_is_not_stored_shows_all_unread_messages(held: Held) -> None:
    with unstored_admission(held):
        assert [message["message"] for message in held.ann.fetch_unread()["messages"]] == ["one", "two"]
        client = WsClient(held.server.base_url, held.account)
        client.join()
        client.close()
        assert client.joined is not None
        assert client.joined.data["unread"] == [{"conversationId": held.id, "count": 2}]
    assert held.ann.conversation(held.id)["unread"] == 2


def test_admission_that_is_stored_between_two_reads_counts(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    real = memberships.conversations_of
    with unstored_admission(held) as release:

        def conversations_of(*args: Any) -> Any:
            found = real(*args)
            monkeypatch.setattr(memberships, "conversations_of", real)
            release.set()
            held.wait_until_stored()
            return found

        monkeypatch.setattr(memberships, "conversations_of", conversations_of)
        found = memberships_now([held.account.user_id], engine=held.engine, shards=Shards([held.redis]))
    assert held.id in found.of[held.account.user_id]


def test_export_leaves_out_what_is_held_back(held: Held) -> None:
    def exported() -> bool:
        with autocommit(held.engine) as connection:
            return next_conversation(connection, held.account.user_id, held.id - 1) is not None

    assert not exported()
    held.accept()
    assert exported()


def test_deleted_sender_leaves_no_request(held: Held) -> None:
    held.ben.request("DELETE", "/me", json={"password": "correct horse battery"})
    gone = lambda: held.ann.json("GET", "/requests")["requests"] == [] or None  # noqa: E731
    wait_until(gone, PATIENCE, "the request is gone")
    assert held.ann.conversations()["conversations"] == []
