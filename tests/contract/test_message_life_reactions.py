"""Reactions and pins: live as events, on resume as the message's current state."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import is_time, refused
from tests.contract.expect_groups import one
from tests.support.clients import Account, Event, EventClient
from tests.support.processes import Stack


def events_about(client: EventClient, name: str, id_: str) -> list[Event]:
    return [e for e in client.named(name) if e.data["id"] == id_]


def shown(message: dict[str, Any]) -> dict[str, tuple[int, bool]]:
    return {r["emoji"]: (r["count"], r["mine"]) for r in message["reactions"]}


@pytest.fixture
def made(group: MakeGroup, ann: Account, ben: Account, eve: Account) -> int:
    return group(ann, ben, eve)


@pytest.mark.parametrize("by", ALL)
def test_reaction_and_its_removal_reach_every_session(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, by: str
) -> None:
    sent = rest(ann).send(conversation_id=made)
    reader = connect(by, ben)
    clients = [connect(transport, who) for transport in ALL for who in (ann, eve)]
    for on in (True, False):
        ack = reader.react(sent["id"], "👍", made, on=on)
        assert (ack["id"], ack["conversationId"], ack["seq"], ack["status"]) == (sent["id"], made, 2, "stored")
        for client in clients:
            event = client.next_event(lambda e, on=on: e.name == "reaction" and e.data["on"] is on)
            assert event.data == {
                "id": sent["id"],
                "conversationId": made,
                "seq": 2,
                "userId": ben.user_id,
                "emoji": "👍",
                "on": on,
            }
            assert event.cursor
        assert shown(one(rest(ben), made, 2)) == ({"👍": (1, True)} if on else {})


def test_reactions_are_counted_by_emoji(rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    for who, emojis in ((ben, "👍💙"), (eve, "👍"), (ann, "🎉")):
        for emoji in emojis:
            rest(who).react(sent["id"], emoji, made)
    assert shown(one(rest(ben), made, 2)) == {"👍": (2, True), "💙": (1, True), "🎉": (1, False)}
    assert shown(one(rest(ann), made, 2)) == {"👍": (2, False), "💙": (1, False), "🎉": (1, True)}


def test_repeated_reaction_makes_no_event(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    """Clients count the events, so a reaction that changes nothing must not send one."""
    sent = rest(ann).send(conversation_id=made)
    client = connect(transport, ann)
    for on in (True, True, False, False):
        rest(ben).react(sent["id"], "👍", made, on=on)
    client.fence()
    assert [e.data["on"] for e in events_about(client, "reaction", sent["id"])] == [True, False]


def test_resume_sends_reactions_as_the_messages_current_state(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made)
    away = connect(transport, eve)
    away.kill()
    for on in (True, False, True):
        rest(ben).react(sent["id"], "👍", made, on=on)
    rest(eve).react(sent["id"], "👍", made)
    rest(ann).react(sent["id"], "🎉", made)
    away.reconnect()
    away.fence()
    if transport == "poll" and not events_about(away, "message_updated", sent["id"]):
        # A poll's session stays for a while after the last poll, so it received each event and did not need to resume.
        assert len(events_about(away, "reaction", sent["id"])) == 5
        return
    now = events_about(away, "message_updated", sent["id"])[-1].data
    assert shown(now) == {"👍": (2, True), "🎉": (1, False)}
    assert away.messages(made) == []


NO_EMOJI = [
    "a",
    "lol",
    "..",
    ".",
    "%2e%2e",
    "1",
    "\u200b",
    "\u202eabc",
    "😀😀",
    "😀a",
    " 😀",
    "\ufe0f",
    "🇩",
    "👩\u200d",
    "/",
]


@pytest.mark.parametrize("emoji", ["", "not an emoji at all, but a long text " * 3, "a\nb", None, 5, *NO_EMOJI])
def test_invalid_reaction_is_refused(connect: Connect, rest: MakeRest, made: int, ann: Account, emoji: Any) -> None:
    sent = rest(ann).send(conversation_id=made)
    with refused("invalid"):
        connect("ws", ann).react(sent["id"], emoji, made)


def test_reaction_over_rest_never_deletes_the_message(rest: MakeRest, made: int, ann: Account, server: Stack) -> None:
    """A client may normalise the address, and ``..`` in the path then leads to the message itself. So no client may
    ever have a reason to send ``..``, and the address with a query has no such form.
    """
    sent = rest(ann).send(conversation_id=made)
    for emoji in ("", *NO_EMOJI):
        for method in ("PUT", "DELETE"):
            with refused("invalid"):
                rest(ann).request(method, f"/messages/{sent['id']}/reactions", params={"emoji": emoji})
        raw = f"/api/v1/messages/{sent['id']}/reactions/{quote(emoji, safe='')}".replace(".", "%2E")
        assert delete_raw(server.base_url, raw, ann) in (404, 422), emoji
    got = one(rest(ann), made, sent["seq"])
    assert "deletedAt" not in got
    assert got["reactions"] == []


def delete_raw(base_url: str, path: str, account: Account) -> int:
    """Deletes an address without normalising it, as some clients do."""
    connection = HTTPConnection(urlsplit(base_url).netloc)
    with closing(connection):
        connection.request("DELETE", path, headers={"Authorization": f"Bearer {account.access_token}"})
        return connection.getresponse().status


def test_forms_of_an_emoji_are_one_reaction(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made)
    client = connect(transport, ann)
    for who, emojis in ((ann, ["👍", "👍\ufe0f", "❤️"]), (ben, ["👍\ufe0f", "❤", "❤\ufe0e"])):
        for emoji in emojis:
            connect(transport, who).react(sent["id"], emoji, made)
    assert shown(one(rest(ann), made, 2)) == {"👍": (2, True), "❤️": (2, True)}
    client.fence()
    assert {e.data["emoji"] for e in events_about(client, "reaction", sent["id"])} == {"👍", "❤️"}
    path = f"/messages/{sent['id']}/reactions"
    assert rest(ben).request("DELETE", path, params={"emoji": "👍"}).status_code == 200
    assert rest(ben).request("DELETE", f"{path}/{quote('❤')}").status_code == 200
    assert shown(one(rest(ann), made, 2)) == {"👍": (1, True), "❤️": (1, True)}


@pytest.mark.parametrize("emoji", ["👍🏽", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️", "1️⃣"])
def test_emoji_of_many_code_points_is_one_reaction(
    connect: Connect, rest: MakeRest, made: int, ann: Account, emoji: str, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made)
    connect(transport, ann).react(sent["id"], emoji, made)
    assert shown(one(rest(ann), made, 2)) == {emoji: (1, True)}


def test_system_message_takes_no_reactions(rest: MakeRest, made: int, ann: Account) -> None:
    created = one(rest(ann), made, 1)["id"]
    with refused("forbidden"):
        rest(ann).react(created, "👍", made)
    with refused("forbidden"):
        rest(ann).pin(created, made)


# -- pins ------------------------------------------------


@pytest.mark.parametrize("by", ALL)
def test_pin_reaches_every_session(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, by: str
) -> None:
    sent = rest(ben).send(conversation_id=made)
    owner = connect(by, ann)
    clients = [connect(transport, ben) for transport in ALL]
    for on in (True, False):
        assert owner.pin(sent["id"], made, on=on)["seq"] == 2
        for client in clients:
            event = client.next_event(lambda e, on=on: e.name == "message_pinned" and e.data["on"] is on)
            assert event.cursor
            assert event.data == {
                "id": sent["id"],
                "conversationId": made,
                "seq": 2,
                "userId": ann.user_id,
                "on": on,
            }
        assert [m["id"] for m in rest(ben).pins(made)] == ([sent["id"]] if on else [])
        now = one(rest(ben), made, 2)
        assert is_time(now["pinnedAt"]) if on else "pinnedAt" not in now


@pytest.mark.parametrize("on", [True, False])
def test_resume_sends_pins_as_the_messages_current_state(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str, on: bool
) -> None:
    sent = rest(ann).send(conversation_id=made)
    if not on:
        rest(ann).pin(sent["id"], made)
    away = connect(transport, ben)
    away.kill()
    rest(ann).pin(sent["id"], made, on=on)
    away.reconnect()
    away.fence()
    if transport == "poll" and not events_about(away, "message_updated", sent["id"]):
        assert [e.data["on"] for e in events_about(away, "message_pinned", sent["id"])] == [on]
        return
    assert ("pinnedAt" in events_about(away, "message_updated", sent["id"])[-1].data) is on


def test_edit_keeps_pin_and_reactions(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    sent = rest(ann).send(conversation_id=made, message="one")
    rest(ann).pin(sent["id"], made)
    rest(ben).react(sent["id"], "👍", made)
    client = connect(transport, ben)
    rest(ann).edit(sent["id"], "two", made)
    assert "pinnedAt" in client.next_event("message_updated").data, "the current state of the message"
    now = one(rest(ben), made, 2)
    assert (now["message"], shown(now), "pinnedAt" in now) == ("two", {"👍": (1, True)}, True)


def test_both_members_can_pin_in_a_direct_conversation(rest: MakeRest, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id)
    for who in (ann, ben):
        rest(who).pin(sent["id"], sent["conversationId"])
        assert len(rest(who).pins(sent["conversationId"])) == 1
        rest(who).pin(sent["id"], sent["conversationId"], on=False)
