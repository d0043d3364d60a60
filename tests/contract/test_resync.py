"""A cursor that cannot be resumed from is answered with resync; nothing is lost."""

from __future__ import annotations

import pytest

from app.core.cursor import decode_cursor, encode_cursor
from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import wait_for_seq
from tests.support.clients import TRANSPORTS, Account, RestClient, register
from tests.support.processes import Stack

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
]


def check_resync(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, cursor: str
) -> None:
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
def test_a_malformed_cursor(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, cursor: str
) -> None:
    check_resync(connect, rest, ann, ben, transport, cursor)


def test_a_cursor_of_a_lost_history(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    position = decode_cursor(connect("ws", ben).cursor or "")
    assert position is not None
    check_resync(connect, rest, ann, ben, transport, encode_cursor(position.epoch + 1, position.version))


def test_a_cursor_that_is_too_old(short_server: Stack, transport: str) -> None:
    """This server replays 20 events at most."""
    ann, ben = register(short_server.base_url), register(short_server.base_url)
    sender = RestClient(short_server.base_url, ann.access_token)
    away = TRANSPORTS[transport](short_server.base_url, ben)
    try:
        away.join()
        away.kill()
        acks = [sender.send(receiver_id=ben.user_id) for _ in range(25)]
        away.reconnect()
        away.next_event("resync")
        unread = away.fetch_unread()["messages"]
        assert [m["id"] for m in unread] == [ack["id"] for ack in acks]
        live = sender.send(receiver_id=ben.user_id)
        wait_for_seq(away, live["conversationId"], live["seq"])
    finally:
        away.finish()
        sender.close()
