"""Changes that are made while a session resumes: between the read of the tail and the read of Postgres.

The replay omits changes that come live anyway. It must have all earlier changes, even if the same row has changed
again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import redis
from sqlalchemy import Engine, text

from app.core.events import Event
from app.core.records import ReactedBody, Record, decode_as
from app.message_log import keys
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import last_version, read_epoch
from app.message_log.shards import Shard, Shards
from app.message_log.tails import read_tail
from app.services.reading import pending_changes, resume
from app.services.reading.direct_cache import DirectCache
from app.services.reading.replay_plan import ReplayPlan
from app.services.reading.resume import Replay
from dev.processes import wait_until
from tests.support.clients import RestClient, register
from tests.support.patience import PATIENCE
from tests.support.processes import Stack

STACK = {"env": {"WRITES_PER_MINUTE": "0"}}


class Chat(NamedTuple):
    """Ann writes to Ben."""

    ann: RestClient
    ben: RestClient
    ben_id: int
    conversation_id: int
    redis: redis.Redis
    engine: Engine

    def send(self) -> dict[str, Any]:
        return self.ann.send(conversation_id=self.conversation_id)

    def wait_until_stored(self) -> None:
        wait_until(lambda: self.redis.xlen(keys.FIRST.log) == 0 or None, PATIENCE, "the log is stored")


@pytest.fixture(params=[100, 0], ids=["by pages", "by a plan"])
def chat(
    request: pytest.FixtureRequest,
    server: Stack,
    redis_client: redis.Redis,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Chat]:
    """Replays of few changed conversations have a plan only if it is forced."""
    monkeypatch.setattr(resume, "MANY", request.param)
    ann, ben = register(server.base_url), register(server.base_url)
    rest = [RestClient(server.base_url, account.access_token) for account in (ann, ben)]
    conversation_id = rest[0].send(receiver_id=ben.user_id)["conversationId"]
    found = Chat(rest[0], rest[1], ben.user_id, conversation_id, redis_client, engine)
    found.wait_until_stored()
    yield found
    for client in rest:
        client.close()


Act = Callable[[], object]


def replayed(
    chat: Chat, since: int, monkeypatch: pytest.MonkeyPatch, *, meanwhile: Act, until_stored: bool = True
) -> list[tuple[str, dict[str, Any]]]:
    """Returns the events that Ben gets. ``meanwhile`` runs, and its effects are stored, between the two reads."""
    real = resume.read_tail

    def read_then_act(*args: Any) -> Any:
        tail = real(*args)
        monkeypatch.setattr(resume, "read_tail", real)
        meanwhile()
        if until_stored:
            chat.wait_until_stored()
        return tail

    monkeypatch.setattr(resume, "read_tail", read_then_act)
    epoch = CurrentEpoch(60)
    number = read_epoch(Shard(chat.redis))
    assert number is not None
    epoch.adopt(number)
    stores: Any = {"engine": chat.engine, "shards": Shards([chat.redis]), "shard": Shard(chat.redis), "requests": None}
    replay = Replay(**stores, directs=DirectCache(), epoch=epoch, saw_epoch=lambda _: None)
    events: list[Event] = []
    begin, more, plan = since, True, ReplayPlan()
    while more:
        page, more = replay.changes_since(chat.ben_id, begin, since, plan)
        events += page
        begin = max([begin, *(event.version for event in page)])
    assert [event.version for event in events] == sorted(event.version for event in events)
    return [(event.name, json.loads(event.data)) for event in events]


@contextmanager
def drain_blocked(chat: Chat) -> Iterator[None]:
    with chat.engine.connect() as conn, conn.begin():
        conn.execute(text("SELECT 1 FROM log_state FOR UPDATE"))
        yield


def waiting(chat: Chat) -> list[Record]:
    """Returns the records in the log that Postgres does not have."""
    return read_tail(Shard(chat.redis), [chat.conversation_id]).records


def store_reaction(chat: Chat, reaction: Record) -> None:
    """Does with a reaction what the drain does first."""
    values = (*reaction.place, reaction.user_id, decode_as(ReactedBody, reaction.body).emoji, reaction.version)
    row = dict(zip("csuev", values, strict=True))
    with chat.engine.begin() as conn:
        conn.execute(
            text("INSERT INTO reactions (conversation_id, seq, user_id, emoji, version) VALUES (:c, :s, :u, :e, :v)"
                 " ON CONFLICT DO NOTHING"), row,
        )  # fmt: skip


CHANGES: dict[str, Callable[[Chat, dict[str, Any]], object]] = {
    "edit": lambda chat, message: chat.ann.edit(message["id"], "changed"),
    "reaction": lambda chat, message: chat.ann.react(message["id"], "👍"),
    "pin": lambda chat, message: chat.ann.pin(message["id"]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("stored", [True, False])
def test_message_changed_during_the_resume_arrives(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, change: Callable[[Chat, dict[str, Any]], object], stored: bool
) -> None:
    since = last_version(Shard(chat.redis))
    first = chat.send()
    chat.send()
    if stored:
        chat.wait_until_stored()
    events = replayed(chat, since, monkeypatch, meanwhile=lambda: change(chat, first))
    arrived = [data["seq"] for name, data in events if name == "receive_message"]
    assert sorted(arrived) == [first["seq"], first["seq"] + 1]


def test_message_sent_during_the_resume_comes_live_only(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay with a plan ends with another read of the tail, which finds it. Live, the session then skips it."""
    since = last_version(Shard(chat.redis))
    first = chat.send()
    chat.wait_until_stored()
    events = replayed(chat, since, monkeypatch, meanwhile=chat.send)
    later = [] if resume.MANY else [first["seq"] + 1]
    assert [data["seq"] for name, data in events if name == "receive_message"] == [first["seq"], *later]


def test_earlier_change_of_a_message_that_changes_again_arrives(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live event of the pin does not repeat the reaction."""
    message = chat.send()
    chat.wait_until_stored()
    since = last_version(Shard(chat.redis))
    CHANGES["reaction"](chat, message)
    chat.wait_until_stored()
    events = replayed(chat, since, monkeypatch, meanwhile=lambda: CHANGES["pin"](chat, message))
    [reactions] = [data["reactions"] for name, data in events if name == "message_updated"]
    assert [reaction["emoji"] for reaction in reactions] == ["👍"]


def test_reaction_that_is_stored_between_a_row_and_its_reactions_is_not_counted_twice(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail has the reaction and its removal. The row is read first, then Postgres gets the reaction."""
    message = chat.send()
    chat.wait_until_stored()
    since = last_version(Shard(chat.redis))
    with drain_blocked(chat), ThreadPoolExecutor(1) as pool:
        changes = pool.submit(lambda: [chat.ann.react(message["id"], "👍", on=on) for on in (True, False)])
        wait_until(lambda: len(waiting(chat)) == 2, PATIENCE, "both changes in the log")
        first = waiting(chat)[0]
        real = pending_changes.details_for

        def details_for(*args: Any, **options: Any) -> Any:
            store_reaction(chat, first)
            return real(*args, **options)

        monkeypatch.setattr(pending_changes, "details_for", details_for)
        events = replayed(chat, since, monkeypatch, meanwhile=lambda: None, until_stored=False)
    changes.result()
    assert [data["reactions"] for name, data in events if name == "message_updated"][-1] == []


def test_earlier_settings_that_change_again_arrive(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    since = last_version(Shard(chat.redis))
    chat.ben.archive(chat.conversation_id)
    chat.wait_until_stored()
    events = replayed(chat, since, monkeypatch, meanwhile=lambda: chat.ben.keep_on_top(chat.conversation_id))
    assert [data["archived"] for name, data in events if name == "conversation_settings"] == [True]


def test_read_mark_arrives_though_a_delivered_mark_moves_during_the_resume(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = last_version(Shard(chat.redis))
    seq = chat.send()["seq"]
    chat.ben.read(chat.conversation_id, seq)
    chat.wait_until_stored()
    later = chat.send()["seq"]
    chat.wait_until_stored()
    events = replayed(chat, since, monkeypatch, meanwhile=lambda: chat.ben.delivered(chat.conversation_id, later))
    assert [data["seq"] for name, data in events if name == "message_read"] == [seq]


def test_delivered_mark_arrives_though_a_read_mark_is_stored_during_the_resume(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = last_version(Shard(chat.redis))
    seq = chat.send()["seq"]
    chat.send()
    chat.send()
    chat.ben.delivered(chat.conversation_id, seq + 2)
    chat.wait_until_stored()
    events = replayed(chat, since, monkeypatch, meanwhile=lambda: chat.ben.read(chat.conversation_id, seq))
    assert [data["seq"] for name, data in events if name == "message_delivered"] == [seq + 2]
