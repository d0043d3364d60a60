"""Stars: private marks of messages, on every transport, in the history, in lists and on resume."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, exported, refused
from tests.contract.expect_groups import bring_back, one
from tests.support.clients import Account, EventClient, RestClient


def star(rest: RestClient, id_: str, *, on: bool = True) -> dict[str, Any]:
    return rest.json("PUT" if on else "DELETE", f"/messages/{id_}/star")


def starred(rest: RestClient, **query: Any) -> list[str]:
    return [message["id"] for message in rest.json("GET", "/starred", params=query)["messages"]]


def stars(client: EventClient) -> list[tuple[str, bool]]:
    return [(event.data["id"], event.data["on"]) for event in client.named("message_starred")]


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_star_reaches_only_the_sessions_of_its_user(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, by: str
) -> None:
    sent = rest(ann).send(conversation_id=made)
    mine = [connect(transport, ben) for transport in ALL]
    theirs = [connect(transport, ann) for transport in ALL]
    for on in (True, False):
        if by == "ws":
            ack = mine[0].command("star_message", {"id": sent["id"], "on": on}).data  # type: ignore[attr-defined]
        else:
            ack = star(rest(ben), sent["id"], on=on)
        assert ack == {"id": sent["id"], "conversationId": made, "seq": 2, "status": "stored"}
        for client in mine:
            event = client.next_event(lambda e, on=on: e.name == "message_starred" and e.data["on"] is on)
            assert event.data == {"id": sent["id"], "conversationId": made, "seq": 2, "on": on}
            assert event.cursor
        assert one(rest(ben), made, 2).get("starred") == (True if on else None)
        assert "starred" not in one(rest(ann), made, 2)
        assert starred(rest(ben)) == ([sent["id"]] if on else [])
        assert starred(rest(ann)) == []
    for client in theirs:
        client.fence()
        assert stars(client) == []


def test_starring_twice_is_the_same_as_once(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    for on in (True, True, False, False):
        star(rest(ben), sent["id"], on=on)
        assert starred(rest(ben)) == ([sent["id"]] if on else [])


def test_unread_messages_are_shown_with_their_star(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    first, second = rest(ann).send(conversation_id=made), rest(ann).send(conversation_id=made)
    star(rest(ben), first["id"])
    unread = {m["id"]: m.get("starred") for m in rest(ben).json("GET", "/messages/unread")["messages"]}
    assert (unread[first["id"]], unread[second["id"]]) == (True, None)


def test_message_of_another_conversation_is_not_found(rest: MakeRest, made: int, ann: Account, eve: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    for method in ("PUT", "DELETE"):
        with refused("not_found"):
            rest(eve).json(method, f"/messages/{sent['id']}/star")


def test_resume_brings_the_latest_state(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    kept, dropped = rest(ann).send(conversation_id=made), rest(ann).send(conversation_id=made)
    star(rest(ben), dropped["id"])
    away, other = connect(transport, ben), connect(transport, ann)
    away.kill()
    other.kill()
    star(rest(ben), kept["id"])
    star(rest(ben), dropped["id"], on=False)
    away.join(away.cursor)
    other.join(other.cursor)
    eventually(lambda: dict(stars(away)) == {kept["id"]: True, dropped["id"]: False}, "both stars on resume")
    other.fence()
    assert stars(other) == []


def test_deletion_removes_the_star(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    star(rest(ben), sent["id"])
    rest(ann).delete(sent["id"], made)
    assert starred(rest(ben)) == []
    assert "starred" not in one(rest(ben), made, 2)
    with refused("not_found"):
        star(rest(ben), sent["id"])


def test_leaving_removes_the_stars(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    star(rest(ben), sent["id"])
    rest(ben).leave(made)
    assert starred(rest(ben)) == []
    bring_back(rest, made, ann, ben)
    assert starred(rest(ben)) == []
    assert "starred" not in one(rest(ben), made, 2)


def test_starred_messages_come_in_pages_last_starred_first(
    rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    ids = [rest(ann).send(conversation_id=made)["id"] for _ in range(5)]
    for id_ in reversed(ids):
        star(rest(ben), id_)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = rest(ben).json("GET", "/starred", params=query)
        assert all(message["starred"] is True for message in page["messages"])
        seen += [message["id"] for message in page["messages"]]
        if not page["hasMore"]:
            break
        query["before"] = page["cursor"]
    assert "cursor" not in page
    assert seen == ids


def test_export_has_the_stars(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    star(rest(ben), sent["id"])
    assert [line["id"] for line in exported(rest(ben)) if line.get("starred")] == [sent["id"]]
