"""Long-poll: bounded waits, cursors that travel, and answers at once where there is something (section 1)."""

from __future__ import annotations

import time

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import elapsed, refused
from tests.support.clients import Account, PollClient
from tests.support.processes import Stack


@pytest.fixture
def poller(server: Stack, ben: Account, opened: list[object]) -> PollClient:
    """Not polling by itself."""
    client = PollClient(server.base_url, ben)
    opened.append(client)
    return client


def test_the_first_poll_answers_at_once_with_the_position(
    rest: MakeRest, ann: Account, ben: Account, poller: PollClient
) -> None:
    rest(ann).send(receiver_id=ben.user_id)
    start = time.monotonic()
    answer = poller.poll(None, 20)
    assert elapsed(start) < 5
    assert [e["event"] for e in answer["events"]] == ["joined"]
    assert answer["cursor"]


def test_nothing_new_is_an_empty_answer_within_the_wait(poller: PollClient) -> None:
    cursor = poller.poll(None, 0)["cursor"]
    start = time.monotonic()
    answer = poller.poll(cursor, 1)
    assert 0.8 < elapsed(start) < 4
    assert answer["events"] == []
    assert answer["cursor"]


def test_wait_zero_answers_at_once(poller: PollClient) -> None:
    cursor = poller.poll(None, 0)["cursor"]
    start = time.monotonic()
    assert poller.poll(cursor, 0)["events"] == []
    assert elapsed(start) < 2


def test_news_end_the_wait(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    client: PollClient = connect("poll", ben, poll_wait=25)
    ack = rest(ann).send(receiver_id=ben.user_id)
    start = time.monotonic()
    client.next_message(ack["id"])
    assert elapsed(start) < 5


def test_what_came_between_two_polls_is_in_the_next(
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


def test_the_same_cursor_again_gives_the_same_events(
    rest: MakeRest, ann: Account, ben: Account, poller: PollClient
) -> None:
    """An answer that was lost on the way is asked for again."""
    cursor = poller.poll(None, 0)["cursor"]
    ack = rest(ann).send(receiver_id=ben.user_id)
    for _ in range(2):
        ids = [e["data"].get("id") for e in poller.poll(cursor, 1)["events"]]
        assert ack["id"] in ids


def test_what_is_not_of_the_stream_stands_where_it_came(
    rest: MakeRest, ann: Account, ben: Account, poller: PollClient
) -> None:
    """Every element has a cursor, so a client may read it from the last one, whatever that is."""
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
    stood = cursor
    for event in events:
        assert (event["cursor"] == stood) == (event["event"] == "typing"), events
        stood = event["cursor"]
    assert position == stood


@pytest.mark.parametrize("wait", ["-1", "26", "x", "nan"])
def test_a_wait_out_of_bounds_is_invalid_or_bounded(
    rest: MakeRest, poller: PollClient, ben: Account, wait: str
) -> None:
    if wait == "26":
        cursor = poller.poll(None, 0)["cursor"]
        rest(ben).send(receiver_id=ben.user_id)
        try:
            assert poller.poll(cursor, 26)["events"]
        except Exception as error:  # noqa: BLE001
            assert "invalid" in str(error)  # noqa: PT017 - refusing is allowed as well
        return
    with refused("invalid"):
        rest(ben).request("GET", f"/events/poll?wait={wait}")


def test_polling_is_being_online(connect: Connect, ann: Account, ben: Account) -> None:
    client: PollClient = connect("poll", ben, poll_wait=1)
    watcher = connect("ws", ann)
    client.wait_polls(2)
    assert watcher.presence([ben.user_id])[ben.user_id]["status"] == "online"
