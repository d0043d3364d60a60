"""Clearing a conversation for oneself: no way of reading returns cleared messages, and nobody else notices."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually, exported, refused
from tests.contract.expect_groups import about, bring_back, history
from tests.contract.test_removal_window import answer, answers, lists
from tests.support.clients import Account, RestClient
from tests.support.media_files import image_bytes


def clear(rest: RestClient, conversation_id: int, **body: Any) -> dict[str, Any]:
    return rest.json("POST", f"/conversations/{conversation_id}/clear", json=body)


def listed(rest: RestClient) -> list[int]:
    return [c["id"] for c in rest.json("GET", "/conversations")["conversations"]]


def seqs_of(rest: RestClient, conversation_id: int) -> list[int]:
    return [message["seq"] for message in history(rest, conversation_id)]


def test_no_path_gives_cleared_messages(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    media = str(rest(ann).upload(made, image_bytes())["mediaId"])
    eventually(lambda: answer(rest(ann), "GET", f"/media/{media}/url")[0] == 200, "the medium to be ready")
    away = [connect(transport, ben) for transport in ALL]
    for client in away:
        client.kill()
    needle, id_ = f"word{uuid.uuid4().hex}", str(uuid.uuid4())
    rest(ann).send(conversation_id=made, message=f"@{ben.username} {needle}", id=id_, attachments=[{"mediaId": media}])
    rest(ann).pin(id_, made)
    rest(ben).json("PUT", f"/messages/{id_}/star")
    eventually(lambda: rest(ben).search(needle), "the message in the search")
    assert clear(rest(ben), made) == {"conversationId": made, "seq": 2, "status": "stored"}

    reply = rest(ann).send(conversation_id=made, message="a reply", replyTo=id_)
    answered = answers(rest(ben), made, id_, media, eve.user_id)
    for place in (id_, 2):
        answered[f"around {place}"] = answer(rest(ben), "GET", f"/conversations/{made}/messages?around={place}")
    answered["at"] = answer(rest(ben), "GET", f"/conversations/{made}/messages?at=2020-01-01")
    answered["edits"] = answer(rest(ben), "GET", f"/messages/{id_}/edits")
    answered["react"] = answer(rest(ben), "PUT", f"/messages/{id_}/reactions/%F0%9F%91%8D")
    answered["report"] = answer(rest(ben), "POST", f"/messages/{id_}/report", json={"reason": "spam"})
    answered["export"] = 200, str(exported(rest(ben)))
    open_to_all = {"history", "conversation", "pins", "delivered", "read", "at", "export"}
    assert {name for name, (status, _) in answered.items() if status < 400} == open_to_all
    assert {name for name, (_, shown) in answered.items() if needle in shown or media in shown} == set()
    seen = {name: str(found) for name, found in lists(rest(ben), made, needle).items()}
    assert {name for name, found in seen.items() if needle in found} == set()
    assert rest(ben).conversation(made)["mentions"] == 0
    for client in (connect(client.transport, ben, client.cursor) for client in away):
        client.next_message(reply["id"])
        assert needle not in str([event.data for event in about(client, made)])
    assert needle in str(rest(ann).history(made))
    assert rest(eve).fetch_unread()["messages"] == [], "nothing was forwarded"


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_clearing_reaches_only_ones_own_sessions(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, by: str
) -> None:
    for _ in range(3):
        rest(ann).send(conversation_id=made)
    mine = [connect(transport, ben) for transport in ALL]
    theirs = [connect(transport, ann) for transport in ALL]
    for given, seq in (({"seq": 2}, 2), ({"seq": 1}, 2), ({"seq": 99}, 4), ({}, 4)):
        if by == "ws":
            ack = mine[0].command("clear_conversation", {"conversationId": made, **given}).data
        else:
            ack = clear(rest(ben), made, **given)
        assert ack == {"conversationId": made, "seq": seq, "status": "stored"}
        for client in mine:
            event = client.next_event("conversation_cleared")
            assert event.data == {"conversationId": made, "seq": seq, "removed": False}
            assert event.cursor
        assert seqs_of(rest(ben), made) == list(range(seq + 1, 5))
        assert rest(ben).conversation(made)["unread"] == 4 - seq
    assert seqs_of(rest(ann), made) == [1, 2, 3, 4]
    assert "lastMessage" not in rest(ben).conversation(made)
    for client in theirs:
        client.fence()
        assert client.named("conversation_cleared") == []


def test_changes_of_cleared_messages_stay_away(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    old = rest(ann).send(conversation_id=made, message="old")
    live, away = connect(transport, ben), connect(transport, ben)
    clear(rest(ben), made)
    live.next_event("conversation_cleared")
    away.next_event("conversation_cleared")
    away.fence()
    away.kill()
    rest(ann).edit(old["id"], "new", made)
    rest(ann).react(old["id"], "\U0001f44d", made)
    rest(ann).delete(old["id"], made)
    new = rest(ann).send(conversation_id=made, message="seen")
    away.join(away.cursor)
    for client in (live, away):
        client.next_message(new["id"])
        assert {e.name for e in about(client, made)} & {"message_updated", "reaction", "message_deleted"} == set()


def test_resume_brings_it(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, transport: str
) -> None:
    rest(ann).send(conversation_id=made)
    away = connect(transport, ben)
    away.kill()
    clear(rest(ben), made)
    away.join(away.cursor)
    assert away.next_event("conversation_cleared").data == {"conversationId": made, "seq": 2, "removed": False}


def test_removed_direct_conversation_comes_back_with_the_next_message(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    made = rest(ann).direct(ben.user_id)["id"]
    rest(ben).send(conversation_id=made, message="old")
    client = connect("ws", ann)
    assert clear(rest(ann), made, remove=True)["seq"] == 1
    assert client.next_event("conversation_cleared").data == {"conversationId": made, "seq": 1, "removed": True}
    assert listed(rest(ann)) == []
    assert listed(rest(ben)) == [made]
    assert rest(ann).conversation(made)["id"] == made  # a link to it still works
    assert rest(ann).direct(ben.user_id)["id"] == made
    sent = rest(ben).send(conversation_id=made, message="new")
    client.next_message(sent["id"])
    assert listed(rest(ann)) == [made]
    assert seqs_of(rest(ann), made) == [2]
    clear(rest(ann), made, remove=True)
    rest(ann).send(conversation_id=made, message="my own")
    assert listed(rest(ann)) == [made]


def test_empty_direct_conversation_can_be_removed(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).direct(ben.user_id)["id"]
    assert clear(rest(ann), made, remove=True) == {"conversationId": made, "status": "stored"}
    assert listed(rest(ann)) == []
    rest(ben).send(conversation_id=made)
    assert listed(rest(ann)) == [made]


def test_message_of_a_blocked_user_does_not_bring_it_back(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).direct(ben.user_id)["id"]
    rest(ben).send(conversation_id=made)
    clear(rest(ann), made, remove=True)
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    rest(ben).send(conversation_id=made)
    assert listed(rest(ann)) == []


def test_group_cannot_be_removed_but_left(rest: MakeRest, made: int, ann: Account, ben: Account) -> None:
    rest(ann).send(conversation_id=made)
    with refused("forbidden"):
        clear(rest(ben), made, remove=True)
    assert seqs_of(rest(ben), made) == [1, 2], "nothing was cleared"
    clear(rest(ben), made)
    rest(ben).leave(made)
    assert listed(rest(ben)) == []
    bring_back(rest, made, ann, ben)
    assert seqs_of(rest(ben), made)[0] == 1, "a new membership shows what the group shows to new members"


def test_clearing_ends_marked_as_unread_and_keeps_receipts(
    rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    seq = rest(ann).send(conversation_id=made)["seq"]
    rest(ben).read(made, seq)
    rest(ben).request("PUT", f"/conversations/{made}/unread")
    before = rest(ann).conversation(made)["members"]
    clear(rest(ben), made)
    assert "markedUnread" not in rest(ben).conversation(made)
    assert rest(ann).conversation(made)["members"] == before


def test_hydrated_conversation_keeps_it(
    connect: Connect, rest: MakeRest, made: int, server: Any, ann: Account, ben: Account
) -> None:
    """The floor is in Redis too, for live changes. It comes back from Postgres when Redis drops the conversation."""
    old = rest(ann).send(conversation_id=made)
    clear(rest(ben), made)
    with server.shards() as shards:
        shards.of(made).redis.delete(shards.of(made).keys.conversation(made))
    client = connect("ws", ben)
    rest(ann).edit(old["id"], "edited", made)
    client.fence()
    assert client.named("message_updated") == []


def test_non_members_cannot_clear(connect: Connect, rest: MakeRest, made: int, eve: Account) -> None:
    for conversation_id in (made, 2**40):
        with refused("not_found"):
            clear(rest(eve), conversation_id)
    with refused("not_found"):
        connect("ws", eve).command("clear_conversation", {"conversationId": made})


@pytest.mark.parametrize("body", [{"seq": -1}, {"seq": "2"}, {"seq": 1.5}, {"remove": "yes"}, {"seq": 2**60}])
def test_bad_clearing_is_refused(
    connect: Connect, rest: MakeRest, made: int, ann: Account, body: dict[str, Any]
) -> None:
    with refused("invalid"):
        clear(rest(ann), made, **body)
    with refused("invalid"):
        connect("ws", ann).command("clear_conversation", {"conversationId": made, **body})
