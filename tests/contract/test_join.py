"""The joined event, and the life of a session before and after it."""

from __future__ import annotations

import httpx

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, WsClient
from tests.support.processes import Stack


def test_joined_has_user_session_and_unread_counts(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    ack = rest(ann).send(receiver_id=ben.user_id, message="one")
    rest(ann).send(receiver_id=ben.user_id, message="two")
    joined = connect(transport, ben).joined.data
    assert set(joined) >= {"userId", "sessionId", "cursor", "unread"}
    assert joined["userId"] == ben.user_id
    assert isinstance(joined["sessionId"], str)
    assert isinstance(joined["cursor"], str)
    assert joined["unread"] == [{"conversationId": ack["conversationId"], "count": 2}]


def test_joined_has_the_same_limits_as_the_public_route(
    server: Stack, connect: Connect, ann: Account, transport: str
) -> None:
    limits = httpx.get(f"{server.base_url}/api/v1/limits", trust_env=False).json()
    assert connect(transport, ann).joined.data["limits"] == limits
    assert (limits["maxText"], limits["editSeconds"], limits["maxGroupMembers"]) == (8000, 172_800, 5000)
    assert limits.pop("email") is False  # without MAIL_URL
    assert all(isinstance(limit, int) and limit > 0 for limit in limits.values())


def test_join_without_a_cursor_replays_nothing(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    rest(ann).send(receiver_id=ben.user_id, message="before")
    client = connect(transport, ben)
    client.fence()
    assert [m["message"] for m in client.messages()] == ["fence"]


def test_sessions_have_different_ids(connect: Connect, ann: Account) -> None:
    ids = {connect(t, ann).joined.data["sessionId"] for t in ("ws", "ws", "sse")}
    assert len(ids) == 3


def test_join_with_ones_own_user_id_works(raw: Connect, ann: Account) -> None:
    client: WsClient = raw(ann)
    assert client.command("join", {"userId": ann.user_id}).data["userId"] == ann.user_id


def test_join_with_another_user_id_is_unauthorized(raw: Connect, ann: Account, ben: Account) -> None:
    client: WsClient = raw(ann)
    with refused("unauthorized"):
        client.command("join", {"userId": ben.user_id})
    with refused("unauthorized"):
        client.command("ping", {}) and client.send(receiver_id=ben.user_id)


def test_commands_before_the_join_are_refused_without_effect(
    connect: Connect, raw: Connect, ann: Account, ben: Account
) -> None:
    watcher = connect("ws", ben)
    client: WsClient = raw(ann)
    with refused("unauthorized"):
        client.send(receiver_id=ben.user_id, message="too early")
    watcher.fence()
    assert "too early" not in [m["message"] for m in watcher.messages()]


def test_second_join_does_not_start_a_second_stream(connect: Connect, rest: MakeRest, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    ref = client.command_nowait("join", {})
    answer = client.wait(lambda: client.replies.get(ref), 30, "an answer to the second join")
    assert answer.name in {"joined", "error"}
    note = rest(ann).send(receiver_id=ann.user_id, message="once")
    client.fence()
    assert [m["id"] for m in client.messages()].count(note["id"]) == 1


def test_ping_answers_pong_with_the_ref(connect: Connect, ann: Account) -> None:
    answer = connect("ws", ann).command("ping", {})
    assert (answer.name, answer.data) == ("pong", {})


def test_frames_without_a_ref_get_answers_without_one(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    client.send_text('{"event":"ping","data":{}}')
    client.next_event("pong")
    client.send_text('{"event":"ping"}')
    client.next_event("pong")


def test_session_that_answers_pings_stays_open(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    assert client.connection is not None
    eventually(lambda: client.connection.pings >= 1, "a ping from the server")
    client.ping()
    assert not client.ended


def test_closed_session_ends_with_1000(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    client.close()
    assert client.wait_closed() == 1000
