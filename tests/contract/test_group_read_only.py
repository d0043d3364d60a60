"""In a read-only group, only owners and admins write."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import listed, refused
from tests.contract.expect_groups import history, is_now, texts
from tests.support.clients import Account, WsClient


@pytest.fixture
def news(rest: MakeRest, ann: Account, ben: Account, eve: Account) -> int:
    """A group of Ann (owner), Ben (admin) and Eve (member)."""
    made = rest(ann).group(members=[ben.user_id, eve.user_id], readOnly=True)
    rest(ann).json("PATCH", f"/conversations/{made['id']}/members/{ben.user_id}", json={"role": "admin"})
    assert made["readOnly"] is True
    return int(made["id"])


@pytest.mark.parametrize("by", ["ws", "rest"])
def test_only_owners_and_admins_write(
    connect: Connect, rest: MakeRest, news: int, ann: Account, ben: Account, eve: Account, by: str
) -> None:
    of = (lambda who: connect("ws", who)) if by == "ws" else rest
    for who in (ann, ben):
        assert of(who).send(conversation_id=news, message=f"by {who.user_id}")["status"] == "stored"
    first = history(rest(eve), news)[-1]["id"]
    reader = of(eve)
    for more in ({}, {"replyTo": first}, {"forward": {"id": first}}, {"id": str(uuid.uuid4())}):
        with refused("forbidden"):
            reader.send(conversation_id=news, message="" if "forward" in more else "mine", **more)
    assert texts(rest(ann), news) == [f"by {ann.user_id}", f"by {ben.user_id}"]


def test_members_read_react_and_leave_as_ever(
    connect: Connect, rest: MakeRest, news: int, ann: Account, eve: Account, transport: str
) -> None:
    reader = connect(transport, eve)
    sent = rest(ann).send(conversation_id=news, message="news")
    assert reader.next_message(sent["id"])["message"] == "news"
    assert reader.react(sent["id"], "👍", news)["status"] == "stored"
    assert reader.read(news, sent["seq"])["status"] == "stored"
    assert rest(eve).json("PUT", f"/messages/{sent['id']}/star")["status"] == "stored"
    assert rest(eve).request("POST", f"/conversations/{news}/leave").status_code == 204


def test_members_neither_type_nor_send_events_nor_edit(
    connect: Connect, rest: MakeRest, news: int, ann: Account, ben: Account, eve: Account
) -> None:
    patch = f"/conversations/{news}"
    rest(ann).json("PATCH", patch, json={"readOnly": False})
    earlier = rest(eve).send(conversation_id=news, message="earlier")
    rest(ann).json("PATCH", patch, json={"readOnly": True})
    watcher, reader = connect("ws", ann), connect("ws", eve)
    for act in (
        lambda: rest(eve).typing(typing=True, conversation_id=news),
        lambda: rest(eve).json("POST", f"{patch}/events", json={"type": "wave"}),
        lambda: reader.command("send_event", {"conversationId": news, "type": "wave"}),
        lambda: reader.command("edit_message", {"id": earlier["id"], "message": "later", "conversationId": news}),
        lambda: rest(eve).edit(earlier["id"], "later", news),
    ):
        with refused("forbidden"):
            act()
    rest(ben).typing(typing=True, conversation_id=news)
    assert watcher.next_event("typing").data["userId"] == ben.user_id
    watcher.fence()
    assert watcher.named("custom") == []
    assert texts(rest(ann), news) == ["earlier"]
    assert rest(eve).delete(earlier["id"], news)["status"] == "stored", "one may take back one's own"
    assert rest(ben).json("POST", f"{patch}/events", json={"type": "wave"}) == {}


def test_send_that_was_accepted_before_is_acked_again(rest: MakeRest, news: int, ann: Account, eve: Account) -> None:
    rest(ann).json("PATCH", f"/conversations/{news}", json={"readOnly": False})
    id_ = str(uuid.uuid4())
    ack = rest(eve).send(conversation_id=news, message="in time", id=id_)
    rest(ann).json("PATCH", f"/conversations/{news}", json={"readOnly": True})
    assert rest(eve).send(conversation_id=news, message="in time", id=id_) == ack


def test_switch_reaches_every_member_and_takes_effect_at_once(
    connect: Connect, rest: MakeRest, news: int, ann: Account, ben: Account, eve: Account
) -> None:
    readers = [connect(transport, eve) for transport in ALL]
    session: WsClient = readers[0]
    for on in (False, True, False):
        changed = rest(ben).json("PATCH", f"/conversations/{news}", json={"readOnly": on})
        assert changed.get("readOnly", False) is on
        for reader in readers:
            assert reader.next_event(is_now(news)).data.get("readOnly", False) is on
        assert listed(rest(eve), news).get("readOnly", False) is on
        if on:
            with refused("forbidden"):
                session.send("no", conversation_id=news)
        else:
            assert session.send("yes", conversation_id=news)["status"] == "stored"
    changes = [message["system"] for message in history(rest(ann), news) if message["kind"] == "system"]
    assert [one["readOnly"] for one in changes if one["type"] == "info"] == [False, True, False]


def test_new_admin_writes_and_former_admin_does_not(
    rest: MakeRest, news: int, ann: Account, ben: Account, eve: Account
) -> None:
    for who, role in ((eve, "admin"), (ben, "member")):
        rest(ann).json("PATCH", f"/conversations/{news}/members/{who.user_id}", json={"role": role})
    assert rest(eve).send(conversation_id=news, message="now")["status"] == "stored"
    with refused("forbidden"):
        rest(ben).send(conversation_id=news, message="no longer")


def test_only_owners_and_admins_switch_it(rest: MakeRest, news: int, eve: Account) -> None:
    with refused("forbidden"):
        rest(eve).json("PATCH", f"/conversations/{news}", json={"readOnly": False})


@pytest.mark.parametrize("given", [None, 1, "yes", {}])
def test_bad_value_is_invalid(rest: MakeRest, news: int, ann: Account, given: Any) -> None:
    for method, path, body in (
        ("PATCH", f"/conversations/{news}", {}),
        ("POST", "/conversations", {"kind": "group", "name": "g", "memberIds": []}),
    ):
        with refused("invalid") as caught:
            rest(ann).json(method, path, json={**body, "readOnly": given})
        assert caught.value.data["errors"][0]["field"] == "readOnly"


def test_direct_conversation_cannot_be_read_only(rest: MakeRest, ann: Account, ben: Account) -> None:
    pair = rest(ann).direct(ben.user_id)["id"]
    with refused("forbidden"):
        rest(ann).json("PATCH", f"/conversations/{pair}", json={"readOnly": True})
