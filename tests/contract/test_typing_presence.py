"""Typing and presence, which are neither stored nor replayed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import eventually, is_time
from tests.support.clients import Account, Event, WsClient


def test_typing_reaches_the_other_member(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    typist, watcher = connect(transport, ann), connect(transport, ben)
    for typing in (True, False):
        typist.typing(typing, conversation_id=conversation)
        event = watcher.next_event("typing")
        assert event.data == {"conversationId": conversation, "userId": ann.user_id, "typing": typing}


def test_typing_by_receiver_id(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    typist, watcher = connect("ws", ann), connect("ws", ben)
    typist.typing(receiver_id=ben.user_id)
    assert watcher.next_event("typing").data["conversationId"] == conversation


def test_subscription_to_nobody_is_answered(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    for nobody in ([], ["nobody"]):
        answer = client.command("presence_subscribe", {"userIds": nobody})
        assert (answer.name, answer.data) == ("ack", {})


@pytest.mark.parametrize("transport", ["ws", "sse"])  # a poll's session stays between polls and buffers its events
def test_typing_is_not_replayed_and_moves_no_cursor(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    watcher = connect(transport, ben)
    watcher.kill()
    start = len(watcher.events)
    rest(ann).typing(typing=True, conversation_id=conversation)  # answered after the event was published
    watcher.reconnect()
    watcher.fence()
    assert "typing" not in [e.name for e in watcher.events[start:]]


def test_typing_is_not_sent_to_the_typist(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    typist = connect("ws", ann)
    typist.typing(conversation_id=conversation)
    typist.ping()
    typist.fence()
    assert typist.named("typing") == []


# -- presence --------------------


def is_state(user_id: int, status: str) -> Any:
    def match(event: Event) -> bool:
        return event.name == "presence" and event.data["userId"] == user_id and event.data["status"] == status

    return match


def test_user_is_offline_before_connecting(connect: Connect, ann: Account, ben: Account, transport: str) -> None:
    state = connect(transport, ann).presence([ben.user_id])[ben.user_id]
    assert state["status"] == "offline"
    assert set(state) >= {"userId", "status", "lastSeen"}


def test_presence_answers_for_every_requested_id_including_missing_users(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    """A client can count the answers, and they do not reveal whether a user exists."""
    nobody = 2**40
    shown = connect(transport, ann).presence([ben.user_id, nobody])
    assert set(shown) == {ben.user_id, nobody}
    assert shown[nobody] == {"userId": nobody, "status": "offline", "lastSeen": None}
    for given in (f"{ben.user_id},{nobody}", [ben.user_id, nobody]):
        answer = rest(ann).json("GET", "/presence", params={"userIds": given})["presence"]
        assert [entry["userId"] for entry in answer] == [ben.user_id, nobody]


def test_subscriber_is_notified_when_a_user_comes_online(
    connect: Connect, ann: Account, ben: Account, transport: str
) -> None:
    watcher: WsClient = connect("ws", ann)
    assert watcher.presence([ben.user_id])[ben.user_id]["status"] == "offline"
    connect(transport, ben)
    watcher.next_event(is_state(ben.user_id, "online"))
    assert connect(transport, ann).presence([ben.user_id])[ben.user_id]["status"] == "online"


@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_clean_close_sends_offline_with_last_seen_at_once(
    connect: Connect, ann: Account, ben: Account, transport: str
) -> None:
    watcher: WsClient = connect("ws", ann)
    present = connect(transport, ben)
    assert watcher.presence([ben.user_id])[ben.user_id]["status"] == "online"
    present.close()
    offline = watcher.next_event(is_state(ben.user_id, "offline"), 30)
    assert is_time(offline.data["lastSeen"])


def test_vanished_connection_goes_offline(connect: Connect, ann: Account, ben: Account) -> None:
    watcher: WsClient = connect("ws", ann)
    present = connect("ws", ben)
    watcher.presence([ben.user_id])
    present.kill()
    watcher.next_event(is_state(ben.user_id, "offline"), 30)


def test_user_goes_offline_with_the_last_tab(connect: Connect, ann: Account, ben: Account) -> None:
    """With three tabs on two gateways, one offline event is sent, after the last tab closes."""
    watcher: WsClient = connect("ws", ann)
    tabs = [connect(t, ben) for t in ("ws", "ws", "sse")]
    assert watcher.presence([ben.user_id])[ben.user_id]["status"] == "online"
    for tab in tabs[:2]:
        tab.close()
        tabs[2].fence()
        assert watcher.presence([ben.user_id])[ben.user_id]["status"] == "online"
    assert not [e for e in watcher.events if is_state(ben.user_id, "offline")(e)]
    tabs[2].close()
    watcher.next_event(is_state(ben.user_id, "offline"), 30)


def test_last_seen_is_stored(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    connect("ws", ben).close()
    state = eventually(lambda: _offline(rest(ann), ben.user_id), "offline")
    assert is_time(state["lastSeen"])


def _offline(rest: Any, user_id: int) -> Any:
    state = rest.presence([user_id])[user_id]
    return state if state["status"] == "offline" and state["lastSeen"] else None


def test_unsubscribed_client_gets_no_presence(connect: Connect, ann: Account, ben: Account, eve: Account) -> None:
    stranger: WsClient = connect("ws", eve)
    connect("ws", ben)
    stranger.fence()
    assert [e for e in stranger.named("presence") if e.data["userId"] == ben.user_id] == []


def test_presence_is_not_replayed(connect: Connect, ann: Account, ben: Account) -> None:
    watcher: WsClient = connect("ws", ann)
    watcher.presence([ben.user_id])
    watcher.kill()
    start = len(watcher.events)
    connect("ws", ben)
    watcher.reconnect()
    watcher.fence()
    assert "presence" not in [e.name for e in watcher.events[start:]]
