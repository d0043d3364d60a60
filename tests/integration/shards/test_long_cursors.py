"""A chat over 64 shards that have been idle for hours: cursors are short, and resume exactly."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from app.core.cursor import LONG, MAX_LENGTH, decode_positions, encode_positions
from app.core.position import Position
from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest, ann, ben, connect, group, opened, rest, user
from tests.contract.expect import seqs, wait_for_seq
from tests.support.clients import Account
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.shards import Layout

__all__ = ["ann", "ben", "connect", "group", "opened", "rest", "user"]

SHARDS = 64
ROOMS = 4
HOUR_US = 3_600_000_000
SHORT = 160  # bytes of a cursor of 64 shards, of which some had an event lately; without milestones, it has 360
NEXT = dict(zip(ALL, itertools.islice(itertools.cycle(ALL), 1, None), strict=False))


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    with private_stack(web=2, layout=Layout(SHARDS)) as stack:
        let_hours_pass(stack)
        yield stack


def hours_ago(number: int) -> int:
    """Returns a version of this shard from 2 to 9 hours ago, which no other shard has."""
    return int(time.time() * 1_000_000) - 2 * HOUR_US - number * 400_000_017


def let_hours_pass(server: Stack) -> None:
    """The last version of each shard was assigned hours ago, before the first record."""
    with server.shards() as shards:
        for number, shard in enumerate(shards):
            shard.redis.set(shard.keys.version, hours_ago(number))


@pytest.fixture
def rooms(group: MakeGroup, ann: Account, ben: Account) -> list[int]:
    """Groups of Ann and Ben in different shards."""
    return [group(ann, ben) for _ in range(ROOMS)]


@pytest.mark.parametrize("transport", ALL)
def test_cursor_is_short_after_idle_time_and_resumes_exactly(
    connect: Connect, rest: MakeRest, rooms: list[int], ann: Account, ben: Account, transport: str
) -> None:
    client, api = connect(transport, ben), rest(ann)
    assert len(client.cursor) <= SHORT
    for room in rooms:
        api.send(conversation_id=room)
        wait_for_seq(client, room, 2)
    assert len(client.cursor) <= SHORT
    client.kill()
    check_resume(connect, rest, rooms, ann, ben, NEXT[transport], client.cursor)


@pytest.mark.parametrize("transport", ALL)
def test_long_cursor_gets_short_by_milestones(
    connect: Connect, rest: MakeRest, rooms: list[int], ann: Account, ben: Account, transport: str
) -> None:
    """A session had an event in each shard at another time."""
    api = rest(ann)
    epochs = decode_positions(connect(transport, ben).cursor, SHARDS)
    assert epochs is not None
    apart = [Position(epoch, hours_ago(number)) for number, (epoch, _) in enumerate(epochs)]
    client = connect(transport, ben, encode_positions(apart))
    lengths: list[int] = []
    while not lengths or lengths[-1] > SHORT:
        api.send(conversation_id=rooms[0])
        wait_for_seq(client, rooms[0], len(lengths) + 2)
        lengths.append(len(client.cursor))
    assert LONG < lengths[0] <= max(lengths) <= MAX_LENGTH
    client.kill()
    count = len(lengths) + 1
    assert not client.named("resync")
    assert seqs(client, rooms[0]) == list(range(1, count + 1)), "with the note of the group"
    for room in rooms[1:]:
        api.send(conversation_id=room)
    check_resume(connect, rest, rooms, ann, ben, NEXT[transport], client.cursor, after=count)


def check_resume(
    connect: Connect,
    rest: MakeRest,
    rooms: list[int],
    ann: Account,
    ben: Account,
    transport: str,
    cursor: str,
    after: int = 2,
) -> None:
    """Resumes from a cursor whose client has ``after`` messages of the first room."""
    missed = [rest(ann).send(conversation_id=room)["seq"] for room in rooms]
    again = connect(transport, ben, cursor)
    for room, seq in zip(rooms, missed, strict=True):
        wait_for_seq(again, room, seq)
    again.fence()
    assert not again.named("resync")
    assert seqs(again, rooms[0]) == [after + 1]
    assert [sorted(set(seqs(again, room))) == seqs(again, room) for room in rooms] == [True] * ROOMS
