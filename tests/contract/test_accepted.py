"""While nothing is stored: messages are delivered live, count as unread, are "accepted" over REST, and acked later."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import elapsed, eventually
from tests.contract.expect_groups import is_now
from tests.support.clients import Account
from tests.support.processes import Stack

UNTIL = "2100-01-01T00:00:00.000Z"


@pytest.fixture
def frozen_worker(server: Stack) -> Iterator[Any]:
    """The worker stands still until the test thaws it."""
    with frozen(server) as thaw:
        yield thaw


@contextmanager
def frozen(server: Stack) -> Iterator[Callable[[], None]]:
    worker = server.workers[0]
    worker.signal(signal.SIGSTOP)
    try:
        yield lambda: worker.signal(signal.SIGCONT)
    finally:
        worker.signal(signal.SIGCONT)


def test_accepted_message_is_delivered_and_unread_before_it_is_stored(
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
    [unread] = receiver.fetch_unread()["messages"]
    assert (unread["id"], unread["status"], unread["reactions"]) == (event.data["id"], "accepted", [])
    assert [m["id"] for m in rest(ben).history(conversation)["messages"]] == [event.data["id"]]
    assert rest(ann).history(conversation)["messages"][0]["status"] in {"accepted", "delivered"}
    resumed = connect(transport, ben, cursor)
    resumed.next_message(event.data["id"])
    frozen_worker()
    ack = sender.answer(ref, 30).data
    assert (ack["status"], ack["seq"]) == ("stored", 1)
    assert rows(conversation) == [(1, event.data["id"], ann.user_id, "not stored yet")]


def test_rest_answers_accepted_after_five_seconds_and_stored_on_a_later_retry(
    frozen_worker: Any, rest: MakeRest, ann: Account, ben: Account
) -> None:
    start = time.monotonic()
    response = rest(ann).post_message(receiver_id=ben.user_id, message="slow")
    assert 4 < elapsed(start) < 20
    ack = response.json()
    assert (response.status_code, ack["status"]) == (202, "accepted")
    frozen_worker()
    again = eventually(lambda: _stored(rest(ann), ben, ack["id"]), "the ack of the stored message", 30)
    assert again["seq"] == 1
    assert {**ack, "status": "stored"} == again, "the first answer was complete, also for a first message by receiverId"


def test_conversation_views_include_changes_that_are_not_stored_yet(
    server: Stack, connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    """The name, the size and one's own settings of the group."""
    made = group(ann, ben, eve)
    watcher = connect("ws", ann)
    changes: list[Callable[[], Any]] = [
        partial(rest(ann).change, made, name="Now"),
        partial(rest(eve).leave, made),
        partial(rest(ann).json, "PUT", f"/conversations/{made}/mute", json={"until": UNTIL, "exceptMentions": True}),
    ]
    with frozen(server), ThreadPoolExecutor() as pool:
        for act in changes:
            pool.submit(act)
        watcher.next_event(is_now(made, name="Now"))
        watcher.next_event(is_now(made, memberCount=2))
        watcher.next_event("conversation_settings")
        (listed,) = [c for c in rest(ann).conversations()["conversations"] if c["id"] == made]
        for view in (listed, rest(ann).conversation(made)):
            assert (view["name"], view["memberCount"], view["lastSeq"], view["mutedUntil"]) == ("Now", 2, 3, UNTIL)
            assert view["exceptMentions"]
        assert "members" not in listed


def test_list_waits_for_a_group_that_was_joined_a_moment_ago(
    server: Stack, connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    """The group's event has already passed, so only the list can show the group."""
    made = group(ann)
    watcher = connect("ws", ben)
    with ThreadPoolExecutor() as pool:
        with frozen(server):
            pool.submit(rest(ann).add, made, ben.user_id)
            watcher.next_event(is_now(made))
            listing = pool.submit(rest(ben).conversations)
            with pytest.raises(TimeoutError):
                listing.result(0.5)
        assert [c["id"] for c in listing.result(10)["conversations"]] == [made]


def _stored(client: Any, to: Account, id_: str) -> Any:
    ack = client.send(receiver_id=to.user_id, message="slow", id=id_)
    return ack if ack["status"] == "stored" else None
