"""A chat over four shards on two Redis servers, with two gateways: the short form of ``make scale``."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest, ann, ben, connect, group, opened, rest, user
from tests.contract.expect import eventually, seqs, wait_for_seq
from tests.contract.expect_streams import Writer, appended, ended, grown
from tests.support.clients import Account
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.shards import Layout

__all__ = ["ann", "ben", "connect", "group", "opened", "rest", "user"]

SHARDS, SERVERS = 4, 2

# conversation -> seqs or counts
Numbers = dict[int, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    with private_stack(web=2, layout=Layout(SHARDS, SERVERS)) as stack:
        yield stack


@pytest.fixture
def rooms(group: MakeGroup, ann: Account, ben: Account) -> list[int]:
    """A group of Ann and Ben in each shard. Ids come from a sequence, but some numbers may be left out."""
    found: dict[int, int] = {}
    while len(found) < SHARDS:
        made = group(ann, ben)
        found.setdefault(made % SHARDS, made)
    return list(found.values())


def of_rooms(rooms: list[int], read: Callable[[int], Any]) -> Numbers:
    return {room: read(room) for room in rooms}


@pytest.mark.parametrize("transport", ALL)
def test_messages_and_edits_of_all_shards_arrive(
    connect: Connect, rooms: list[int], ann: Account, ben: Account, transport: str
) -> None:
    writer, reader = connect(transport, ann), connect(transport, ben)
    for room in rooms:
        sent = writer.send("old", conversation_id=room)
        assert (sent["seq"], sent["status"]) == (2, "stored"), "the note of the group is the first"
        assert reader.next_message(sent["id"])["message"] == "old"
        writer.edit(sent["id"], "new", room)
        edited = reader.next_event(lambda e, id_=sent["id"]: e.name == "message_updated" and e.data["id"] == id_)
        assert edited.data["message"] == "new"


@pytest.mark.parametrize(("first", "then"), [("ws", "sse"), ("sse", "poll"), ("poll", "ws")])
def test_session_resumes_in_all_shards(
    connect: Connect, rest: MakeRest, rooms: list[int], ann: Account, ben: Account, first: str, then: str
) -> None:
    before, api = connect(first, ben), rest(ann)
    for room in rooms:
        api.send(conversation_id=room)
        wait_for_seq(before, room, 2)
    before.kill()
    missed = [api.send(conversation_id=room) for room in rooms for _ in range(3)]
    api.edit(missed[0]["id"], "edited meanwhile", rooms[0])
    after = connect(then, ben, before.cursor)
    for room in rooms:
        api.send(conversation_id=room)
        wait_for_seq(after, room, 6)
    after.fence()
    assert of_rooms(rooms, lambda room: sorted(seqs(after, room))) == of_rooms(rooms, lambda _: [3, 4, 5, 6])
    assert of_rooms(rooms[1:], lambda room: seqs(after, room)) == of_rooms(rooms[1:], lambda _: [3, 4, 5, 6])
    assert not after.named("resync")


@pytest.mark.parametrize("transport", ALL)
def test_unread_messages_of_all_shards_are_counted(
    connect: Connect, rest: MakeRest, rooms: list[int], ann: Account, ben: Account, transport: str
) -> None:
    """The note of the group counts as well."""
    for number, room in enumerate(rooms, 1):
        for _ in range(number):
            rest(ann).send(conversation_id=room)
    client = connect(transport, ben)
    counts = {one["conversationId"]: one["count"] for one in client.joined.data["unread"]}
    assert of_rooms(rooms, counts.get) == dict(zip(rooms, (2, 3, 4, 5), strict=True))
    fetched = [message["conversationId"] for message in client.fetch_unread()["messages"]]
    assert of_rooms(rooms, fetched.count) == of_rooms(rooms, counts.get)
    client.read(rooms[-1], 5)
    shown = rest(ben).conversations()["conversations"]
    left = {one["id"]: one["unread"] for one in shown}
    assert of_rooms(rooms, left.get) == dict(zip(rooms, (2, 3, 4, 0), strict=True))


@pytest.mark.parametrize("transport", ALL)
def test_streams_of_all_shards_grow_and_end(
    connect: Connect, rest: MakeRest, rooms: list[int], ann: Account, ben: Account, transport: str
) -> None:
    reader = connect(transport, ben)
    writers = [Writer(rest(ann), room) for room in rooms]
    for piece in ("one ", "two"):
        for writer in writers:
            start = len(writer.text)
            writer.append(piece)
            reader.next_event(appended(writer.id, start))
    for writer in writers:
        writer.end()
        assert reader.next_event(ended(writer.id)).data["message"] == "one two"
        assert grown(reader, writer.id) == "one two"


def test_search_finds_messages_of_all_shards(rest: MakeRest, rooms: list[int], ann: Account, ben: Account) -> None:
    word = f"w{uuid.uuid4().hex}"
    sent = [rest(ann).send(conversation_id=room, message=f"the {word}")["id"] for room in rooms]
    eventually(lambda: len(rest(ben).search(word)) == SHARDS, "all of them in the results")
    assert [found["id"] for found in rest(ben).search(word)] == sent[::-1]


def test_each_server_has_two_of_the_shards(server: Stack, rest: MakeRest, rooms: list[int], ann: Account) -> None:
    for room in rooms:
        rest(ann).send(conversation_id=room)
    with server.shards() as shards:
        names = of_rooms(rooms, lambda room: shards.of(room).keys.conversation(room))
        assert all(shards.of(room).redis.exists(name) for room, name in names.items())
        assert len(shards.by_client()) == SERVERS
    for number, valkey in enumerate(server.stores.servers):
        with valkey.client() as client:
            there = {room for room, name in names.items() if client.exists(name)}
        assert there == {room for room in rooms if room % SERVERS == number}
