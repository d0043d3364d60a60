"""While nothing is stored: live delivery goes on, unread sees it, REST says accepted, acks come after."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import elapsed, eventually
from tests.support.clients import Account
from tests.support.processes import Stack


@pytest.fixture
def frozen_worker(server: Stack) -> Iterator[Any]:
    """The worker does not move until the test says so."""
    worker = server.workers[0]
    worker.signal(signal.SIGSTOP)
    yield lambda: worker.signal(signal.SIGCONT)
    worker.signal(signal.SIGCONT)


def test_what_is_accepted_is_delivered_and_unread_before_it_is_stored(
    frozen_worker: Any,
    connect: Connect,
    rest: MakeRest,
    rows: Any,
    ann: Account,
    ben: Account,
    transport: str,
) -> None:
    sender, receiver, later = connect("ws", ann), connect(transport, ben), connect("ws", ben)
    cursor = later.cursor
    later.kill()
    ref = sender.send_nowait("not stored yet", receiver_id=ben.user_id)
    event = receiver.next_event("receive_message")
    conversation = event.data["conversationId"]
    assert ref not in sender.replies
    assert rows(conversation) == []
    assert [m["id"] for m in receiver.fetch_unread()["messages"]] == [event.data["id"]]
    assert [m["id"] for m in rest(ben).history(conversation)["messages"]] == [event.data["id"]]
    assert rest(ann).history(conversation)["messages"][0]["status"] in {"accepted", "delivered"}
    resumed = connect(transport, ben, cursor)
    resumed.next_message(event.data["id"])
    frozen_worker()
    ack = sender.answer(ref, 30).data
    assert (ack["status"], ack["seq"]) == ("stored", 1)
    assert rows(conversation) == [(1, event.data["id"], ann.user_id, "not stored yet")]


def test_rest_says_accepted_after_five_seconds_and_the_same_id_finds_it_stored(
    frozen_worker: Any, rest: MakeRest, ann: Account, ben: Account
) -> None:
    start = time.monotonic()
    response = rest(ann).post_message(receiver_id=ben.user_id, message="slow")
    assert 4 < elapsed(start) < 9
    ack = response.json()
    assert (response.status_code, ack["status"]) == (202, "accepted")
    frozen_worker()
    again = eventually(lambda: _stored(rest(ann), ben, ack["id"]), "the ack of the stored message", 30)
    assert again["seq"] == 1
    assert ack.items() - {("status", "accepted"), ("conversationId", None)} <= again.items()


def _stored(client: Any, to: Account, id_: str) -> Any:
    ack = client.send(receiver_id=to.user_id, message="slow", id=id_)
    return ack if ack["status"] == "stored" else None
