"""The format of the event stream for a browser's EventSource (section 1)."""

from __future__ import annotations

import json

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, SseClient


def test_stream_starts_with_a_jittered_retry(connect: Connect, ann: Account) -> None:
    clients: list[SseClient] = [connect("sse", ann) for _ in range(6)]
    assert all(client.parser.order[0] == "retry" for client in clients)
    times = [client.parser.retry for client in clients]
    assert all(time is not None and 100 <= time <= 60_000 for time in times)
    assert len(set(times)) > 1, f"no jitter: {times}"


def test_headers_prevent_buffering_by_proxies(connect: Connect, ann: Account) -> None:
    headers = connect("sse", ann).response_headers
    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert "no-store" in headers["cache-control"] or "no-cache" in headers["cache-control"]
    assert headers.get("x-accel-buffering") == "no"


def test_keep_alive_comment_is_sent(connect: Connect, ann: Account) -> None:
    client: SseClient = connect("sse", ann)
    for _ in range(2):
        client.wait_comment(5)
    assert not client.ended


def test_every_event_has_its_cursor_as_id(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    stream, frames = connect("sse", ben), connect("ws", ben)
    acks = [rest(ann).send(receiver_id=ben.user_id) for _ in range(3)]
    for ack in acks:
        stream.next_message(ack["id"])
        frames.next_message(ack["id"])
    by_id = {e.data["id"]: e.cursor for e in frames.named("receive_message")}
    assert {e.data["id"]: e.cursor for e in stream.named("receive_message")} == by_id
    assert all(by_id.values())


def test_data_is_the_same_object_on_every_transport(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    clients = [connect(t, ben) for t in ("ws", "sse", "poll")]
    ack = rest(ann).send(receiver_id=ben.user_id, message="same\neverywhere")
    first, *others = [json.dumps(client.next_message(ack["id"]), sort_keys=True) for client in clients]
    assert others == [first, first]


def test_last_event_id_header_wins_over_the_query(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    """EventSource reconnects to its original address, so its own header holds the newer cursor."""
    first: SseClient = connect("sse", ben)
    old = first.cursor
    ack = rest(ann).send(receiver_id=ben.user_id)
    first.next_message(ack["id"])
    newer = first.cursor
    first.kill()
    again = SseClient(first.base_url, ben)
    try:
        again.extra_query = f"cursor={old}"
        again.join(newer)
        again.fence()
        assert ack["id"] not in [m["id"] for m in again.messages()]
    finally:
        again.finish()


@pytest.mark.parametrize("path", ["/events", "/events/poll"])
def test_stream_without_credentials_is_a_problem(rest: MakeRest, path: str) -> None:
    with refused("unauthorized"):
        rest().request("GET", path)
