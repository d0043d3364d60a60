"""Non-members have no access, and nobody can act as another user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, Refused, RestClient, WsClient

NOWHERE = 2**40

REST_ACTS: dict[str, Callable[[RestClient, int], Any]] = {
    "get": lambda r, c: r.conversation(c),
    "history": lambda r, c: r.history(c),
    "send": lambda r, c: r.send(conversation_id=c),
    "delivered": lambda r, c: r.delivered(c, 1),
    "read": lambda r, c: r.read(c, 1),
    "typing": lambda r, c: r.typing(typing=True, conversation_id=c),
    "unread": lambda r, c: r.fetch_unread(conversation_id=c),
}
WS_ACTS: dict[str, Callable[[WsClient, int], Any]] = {
    "send": lambda w, c: w.send(conversation_id=c),
    "delivered": lambda w, c: w.delivered(c, 1),
    "read": lambda w, c: w.read(c, 1),
    "typing": lambda w, c: w.command("typing", {"conversationId": c, "typing": True}),
    "unread": lambda w, c: w.fetch_unread(conversation_id=c),
}


@pytest.fixture
def private(rest: MakeRest, ann: Account, ben: Account) -> int:
    return int(rest(ann).send(receiver_id=ben.user_id, message="secret")["conversationId"])


def refusal(act: Callable[[], Any]) -> tuple[Any, ...]:
    """Returns the caller's error without the members that name the conversation or the request."""
    with pytest.raises(Refused) as caught:
        act()
    data = caught.value.data
    return caught.value.status, caught.value.code, data.get("detail"), data.get("message"), sorted(data)


@pytest.mark.parametrize("act", REST_ACTS)
def test_non_member_gets_not_found_over_rest(rest: MakeRest, private: int, eve: Account, act: str) -> None:
    stranger = rest(eve)
    answer = refusal(lambda: REST_ACTS[act](stranger, private))
    assert answer[:2] == (404, "not_found")
    assert answer == refusal(lambda: REST_ACTS[act](stranger, NOWHERE))


@pytest.mark.parametrize("act", WS_ACTS)
def test_non_member_gets_not_found_by_frames(connect: Connect, private: int, eve: Account, act: str) -> None:
    stranger = connect("ws", eve)
    answer = refusal(lambda: WS_ACTS[act](stranger, private))
    assert answer[1] == "not_found"
    assert answer == refusal(lambda: WS_ACTS[act](stranger, NOWHERE))


def test_refused_acts_of_a_non_member_change_nothing(
    rest: MakeRest, rows: Any, private: int, ann: Account, eve: Account
) -> None:
    for act in REST_ACTS.values():
        with pytest.raises(Refused):
            act(rest(eve), private)
    assert len(rows(private)) == 1
    members = rest(ann).conversation(private)["members"]
    assert eve.user_id not in [m["userId"] for m in members]
    assert all(m["readSeq"] == 0 for m in members if m["userId"] != ann.user_id)


def test_non_member_gets_no_events_live_or_on_resume(
    connect: Connect, rest: MakeRest, private: int, ann: Account, eve: Account, transport: str
) -> None:
    stranger = connect(transport, eve)
    rest(ann).send(conversation_id=private)
    rest(ann).typing(typing=True, conversation_id=private)
    stranger.fence()
    stranger.reconnect(stranger.joined.data["cursor"])
    stranger.fence()
    assert [e for e in stranger.events if e.data.get("conversationId") == private] == []
    assert private not in [c["id"] for c in rest(eve).conversations()["conversations"]]


def test_forged_sender_is_refused(
    connect: Connect, rows: Any, private: int, ann: Account, ben: Account, transport: str
) -> None:
    with refused("unauthorized"):
        connect(transport, ben).send("forged", conversation_id=private, senderId=ann.user_id)
    assert len(rows(private)) == 1


def test_own_id_as_sender_is_accepted(connect: Connect, private: int, ben: Account, transport: str) -> None:
    assert connect(transport, ben).send(conversation_id=private, senderId=ben.user_id)["seq"] == 2


def test_forged_sender_does_not_open_a_conversation(rest: MakeRest, ann: Account, ben: Account, eve: Account) -> None:
    with refused("unauthorized"):
        rest(eve).send(receiver_id=ben.user_id, senderId=ann.user_id)
    assert rest(ben).conversations()["conversations"] == []


def test_missing_receiver_is_not_found(connect: Connect, ann: Account, transport: str) -> None:
    with refused("not_found"):
        connect(transport, ann).send(receiver_id=NOWHERE)


def test_session_stays_open_after_a_refusal(connect: Connect, private: int, eve: Account) -> None:
    stranger = connect("ws", eve)
    with refused("not_found"):
        stranger.send(conversation_id=private)
    stranger.ping()
    assert stranger.send(receiver_id=eve.user_id)["status"] == "stored"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("PATCH", "/me"),
        ("GET", "/users?q=a"),
        ("POST", "/auth/ticket"),
        ("POST", "/auth/logout"),
        ("POST", "/messages"),
        ("GET", "/messages/unread"),
        ("GET", "/presence?userIds=1"),
        ("GET", "/conversations"),
        ("POST", "/conversations"),
        ("GET", "/conversations/1"),
        ("GET", "/conversations/1/messages"),
        ("POST", "/conversations/1/read"),
        ("GET", "/events"),
        ("GET", "/events/poll"),
    ],
)
@pytest.mark.parametrize("token", ["", "not.a.token"])
def test_every_route_needs_a_token(rest: MakeRest, method: str, path: str, token: str) -> None:
    with refused("unauthorized") as caught:
        rest().request(method, path, token=token, **({"json": {}} if method in {"POST", "PATCH"} else {}))
    assert caught.value.status == 401
