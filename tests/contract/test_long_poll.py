"""Long-poll: bounded waits, cursors, and immediate answers if there are events (section 1)."""

from __future__ import annotations

import time

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import elapsed, refused
from tests.support.clients import Account, PollClient
from tests.support.processes import Stack


@pytest.fixture
def poller(server: Stack, ben: Account, opened: list[object]) -> PollClient:
    """A client that polls only when the test calls it."""
    client = PollClient(server.base_url, ben)
    opened.append(client)
    return client


def test_first_poll_answers_at_once_with_the_cursor(
    rest: MakeRest, ann: Account, ben: Account, poller: PollClient
) -> None:
    rest(ann).send(receiver_id=ben.user_id)
    start = time.monotonic()
    answer = poller.poll(None, 25)
    assert elapsed(start) < 25
    assert [e["event"] for e in answer["events"]] == ["joined"]
    assert answer["cursor"]


def test_poll_without_events_answers_empty_within_the_wait(poller: PollClient) -> None:
    cursor = poller.poll(None, 0)["cursor"]
    start = time.monotonic()
    answer = poller.poll(cursor, 1)
    assert 0.8 < elapsed(start) < 25
    assert answer["events"] == []
    assert answer["cursor"]


def test_wait_zero_answers_at_once(poller: PollClient) -> None:
    cursor = poller.poll(None, 0)["cursor"]
    start = time.monotonic()
    assert poller.poll(cursor, 0)["events"] == []
    assert elapsed(start) < 25


def test_new_event_ends_the_wait(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    client: PollClient = connect("poll", ben, poll_wait=25)
    ack = rest(ann).send(receiver_id=ben.user_id)
    start = time.monotonic()
    client.next_message(ack["id"])
    assert elapsed(start) < 25


def test_events_between_two_polls_are_in_the_next(
    rest: MakeRest, ann: Account, ben: Account, poller: PollClient
) -> None:
    cursor = poller.poll(None, 0)["cursor"]
    sent = [rest(ann).send(receiver_id=ben.user_id)["id"] for _ in range(3)]
    found: list[str] = []
    for _ in range(5):
        answer = poller.poll(cursor, 1)
        found += [e["data"]["id"] for e in answer["events"] if e["event"] == "receive_message"]
        cursor = answer["cursor"]
    assert found == sent


def test_repeated_cursor_gets_the_same_events(rest: MakeRest, ann: Account, ben: Account, poller: PollClient) -> None:
    """A client repeats the poll if its answer was lost on the way."""
    cursor = poller.poll(None, 0)["cursor"]
    ack = rest(ann).send(receiver_id=ben.user_id)
    for _ in range(2):
        ids = [e["data"].get("id") for e in poller.poll(cursor, 1)["events"]]
        assert ack["id"] in ids


def test_typing_has_the_cursor_of_the_event_before_it(
    rest: MakeRest, ann: Account, ben: Account, poller: PollClient
) -> None:
    """Every element has a cursor, so a client may always take the cursor of the last element."""
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    cursor = poller.poll(None, 0)["cursor"]
    rest(ann).typing(typing=True, conversation_id=conversation)
    rest(ann).send(receiver_id=ben.user_id)
    rest(ann).typing(typing=False, conversation_id=conversation)
    events, position = [], cursor
    while [e["event"] for e in events].count("typing") < 2:
        answer = poller.poll(position, 5)
        position = answer["cursor"]
        events += answer["events"]
    assert "receive_message" in [e["event"] for e in events]
    previous = cursor
    for event in events:
        assert (event["cursor"] == previous) == (event["event"] == "typing"), events
        previous = event["cursor"]
    assert position == previous


@pytest.mark.parametrize("wait", ["-1", "26", "x", "nan"])
def test_wait_out_of_bounds_is_invalid_or_capped(rest: MakeRest, poller: PollClient, ben: Account, wait: str) -> None:
    if wait == "26":
        cursor = poller.poll(None, 0)["cursor"]
        rest(ben).send(receiver_id=ben.user_id)
        try:
            assert poller.poll(cursor, 26)["events"]
        except Exception as error:  # noqa: BLE001
            assert "invalid" in str(error)  # noqa: PT017 - a refusal is allowed too
        return
    with refused("invalid"):
        rest(ben).request("GET", f"/events/poll?wait={wait}")


def test_polling_user_is_online(connect: Connect, ann: Account, ben: Account) -> None:
    client: PollClient = connect("poll", ben, poll_wait=1)
    watcher = connect("ws", ann)
    client.wait_polls(2)
    assert watcher.presence([ben.user_id])[ben.user_id]["status"] == "online"
