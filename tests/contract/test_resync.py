"""A cursor that cannot be resumed from gets ``resync``, and no message is lost."""

from __future__ import annotations

import pytest

from app.core.cursor import decode_positions, encode_positions
from app.core.position import Position
from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import seqs, wait_for_seq
from tests.support.clients import Account
from tests.support.shards import chosen_layout

MALFORMED = [
    "x",
    "garbage",
    "1.",
    ".1",
    "1.2.3",
    "-1.5",
    "zz.zz",
    "0",
    "ffffffffffffffff.1",
    "'; drop table messages",
    "a" * 1000,
]


def moved(cursor: str | None, *, epochs: int = 0, us: int = 0) -> str:
    """Returns the cursor, with the positions of every shard moved forward by so many epochs and microseconds."""
    positions = decode_positions(cursor or "", chosen_layout().shards)
    assert positions is not None
    return encode_positions([Position(epoch + epochs, version + us) for epoch, version in positions])


def check_resync(connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, cursor: str) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id, message="before")
    client = connect(transport, ben, cursor)
    fresh = client.next_event("resync").data["cursor"]
    assert [m["id"] for m in client.fetch_unread()["messages"]] == [sent["id"]]
    live = rest(ann).send(receiver_id=ben.user_id, message="live")
    client.next_message(live["id"])
    client.kill()
    again = connect(transport, ben, fresh)
    again.next_message(live["id"])
    assert again.named("resync") == []


@pytest.mark.parametrize("cursor", MALFORMED)
def test_malformed_cursor_gets_resync(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, cursor: str
) -> None:
    check_resync(connect, rest, ann, ben, transport, cursor)


def test_cursor_of_a_lost_history_gets_resync(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    check_resync(connect, rest, ann, ben, transport, moved(connect("ws", ben).cursor, epochs=1))


def test_cursor_that_is_too_old_gets_resync(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    """Replay covers a month. The version in a cursor is the clock in microseconds."""
    check_resync(connect, rest, ann, ben, transport, moved(connect("ws", ben).cursor, us=-31 * 86_400_000_000))


def test_cursor_from_the_future_gets_resync(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    check_resync(connect, rest, ann, ben, transport, moved(connect("ws", ben).cursor, us=10**12))


@pytest.mark.parametrize(("count", "length"), [(600, 1), (300, 6000)], ids=["many", "large"])
def test_long_absence_is_replayed_completely(
    connect: Connect, ann: Account, ben: Account, transport: str, count: int, length: int
) -> None:
    """The replay exceeds a page of the store and an outbox.

    It arrives complete and in order, and live events follow.
    """
    sender, away = connect("ws", ann), connect(transport, ben)
    away.kill()
    for _ in range(0, count, 100):
        refs = [sender.send_nowait("m" * length, receiver_id=ben.user_id) for _ in range(100)]
        acks = [sender.answer(ref, 30).data for ref in refs]
    away.reconnect()
    live = sender.send("live", receiver_id=ben.user_id)
    wait_for_seq(away, live["conversationId"], live["seq"], 30)
    assert seqs(away, acks[0]["conversationId"]) == list(range(1, count + 2))
