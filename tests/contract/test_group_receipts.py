"""Delivered and read in a group: counts, members, and receipts of large groups, which are sent in batches."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.contract.expect_groups import is_now, one
from tests.contract.test_accepted import frozen
from tests.support.clients import Account, EventClient, RestClient, register
from tests.support.processes import Stack

LARGE = 120


@pytest.fixture
def made(group: MakeGroup, ann: Account, ben: Account, eve: Account) -> int:
    return group(ann, ben, eve)


def by_user(receipts: dict[str, Any]) -> dict[int, tuple[bool, bool]]:
    return {m["userId"]: (m["delivered"], m["read"]) for m in receipts["members"]}


def test_receipts_list_and_count_the_members(
    rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    sent = rest(ann).send(conversation_id=made)
    assert {k: v for k, v in rest(ann).receipts(sent["id"], made).items() if k != "members"} == {
        "id": sent["id"],
        "conversationId": made,
        "seq": 2,
        "delivered": 0,
        "read": 0,
    }
    rest(ben).delivered(made, 2)
    rest(eve).read(made, 2)
    found = rest(ann).receipts(sent["id"], made)
    assert (found["delivered"], found["read"]) == (2, 1)
    assert by_user(found) == {ben.user_id: (True, False), eve.user_id: (True, True)}


def test_receipts_are_paged(rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account) -> None:
    sent = rest(ann).send(conversation_id=made)
    rest(eve).read(made, 2)
    first = rest(ann).receipts(sent["id"], made, limit=1)
    second = rest(ann).receipts(sent["id"], made, limit=1, cursor=first["cursor"])
    assert {**by_user(first), **by_user(second)} == {ben.user_id: (False, False), eve.user_id: (True, True)}
    assert first["read"] == second["read"] == 1, "counts are over all members"


def test_later_member_is_not_counted_for_earlier_messages(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, history="joined")
    sent = rest(ann).send(conversation_id=made)
    rest(ben).read(made, 2)
    rest(ann).add(made, eve.user_id)
    rest(eve).read(made, 3)
    assert by_user(rest(ann).receipts(sent["id"], made)) == {ben.user_id: (True, True)}
    shown = one(rest(ann), made, 2)
    assert (shown["status"], shown["receipts"]) == ("read", {"delivered": 1, "read": 1})


def test_members_show_where_they_joined(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    """Clients that count the members' marks need it. A live event comes from Redis, which does not know it."""
    made = group(ann, ben)
    here, away = connect(transport, ann, ack="client"), connect("ws", ben, ack="client")
    away.kill()
    rest(ann).send(conversation_id=made)
    rest(ann).add(made, eve.user_id)
    rest(ann).send(conversation_id=made)
    away.reconnect()
    joined = {ann.user_id: 0, ben.user_id: 0, eve.user_id: 3}
    pages = [rest(ben).conversation(made), rest(ben).json("GET", f"/conversations/{made}/members")]
    replayed = away.next_event(is_now(made, memberCount=3)).data
    for shown in [*pages, replayed]:
        assert {m["userId"]: m["joinedSeq"] for m in shown["members"]} == joined
    live = here.next_event(is_now(made, memberCount=3)).data
    assert (live["lastSeq"], [m.get("joinedSeq") for m in live["members"]]) == (3, [None] * 3)


def test_joined_seq_is_shown_before_it_is_stored(
    server: Stack, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben, eve)
    rest(ann).remove(made, eve.user_id)
    with frozen(server):
        rest(ann).add(made, eve.user_id)
        shown = rest(ann).conversation(made)["members"]
    assert {m["userId"]: m["joinedSeq"] for m in shown} == {ann.user_id: 0, ben.user_id: 0, eve.user_id: 3}


def test_member_who_came_back_is_not_counted_for_earlier_messages(
    rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    sent = rest(ann).send(conversation_id=made)
    rest(ben).json("POST", f"/conversations/{made}/read", json={"seq": 2})
    rest(ann).remove(made, eve.user_id)
    rest(ann).add(made, eve.user_id)
    found = rest(ann).receipts(sent["id"], made)
    assert (found["delivered"], found["read"], by_user(found)) == (1, 1, {ben.user_id: (True, True)})
    shown = one(rest(ann), made, 2)
    assert (shown["status"], shown["receipts"]) == ("read", {"delivered": 1, "read": 1})


def test_status_needs_all_other_members(rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account) -> None:
    rest(ann).send(conversation_id=made)

    def is_now(status: str) -> None:
        eventually(lambda: one(rest(ann), made, 2)["status"] == status, status)

    is_now("stored")
    rest(ben).read(made, 2)
    is_now("stored")
    rest(eve).delivered(made, 2)
    is_now("delivered")
    rest(eve).read(made, 2)
    is_now("read")


def test_only_the_sender_sees_the_counts(rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account) -> None:
    rest(ann).send(conversation_id=made)
    rest(ben).read(made, 2)
    rest(eve).delivered(made, 2)
    eventually(lambda: one(rest(ann), made, 2)["receipts"] == {"delivered": 2, "read": 1}, "both marks")
    assert rest(ann).conversation(made)["lastMessage"]["receipts"] == {"delivered": 2, "read": 1}
    assert "receipts" not in one(rest(ben), made, 2), "only the sender sees the counts"


def test_departed_member_does_not_hold_the_status_back(
    rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    rest(ann).send(conversation_id=made)
    rest(ben).read(made, 2)
    rest(ann).remove(made, eve.user_id)
    eventually(lambda: one(rest(ann), made, 2)["status"] == "read", "read by all remaining members")


@pytest.mark.parametrize("what", ["delivered", "read"])
def test_every_receipt_reaches_all_members(
    connect: Connect, rest: MakeRest, made: int, ann: Account, ben: Account, eve: Account, transport: str, what: str
) -> None:
    watcher, away = connect(transport, eve, ack="client"), connect(transport, eve, ack="client")
    away.kill()
    seq = rest(ann).send(conversation_id=made)["seq"]
    getattr(rest(ben), what)(made, seq)
    away.reconnect()
    for client in (watcher, away):
        event = client.next_event(lambda e: e.name == f"message_{what}" and e.data["userId"] == ben.user_id)
        assert event.data == {"conversationId": made, "userId": ben.user_id, "seq": seq}
    marks = {m["userId"]: (m["deliveredSeq"], m["readSeq"]) for m in rest(eve).conversation(made)["members"]}
    assert marks[ben.user_id] == ((seq, 0) if what == "delivered" else (seq, seq))


def test_new_member_starts_at_the_current_end(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account
) -> None:
    made = group(ann, ben)
    for _ in range(3):
        rest(ann).send(conversation_id=made)
    rest(ann).add(made, eve.user_id)
    assert rest(eve).conversation(made)["unread"] <= 1, "at most the system message of the join"
    rest(ann).send(conversation_id=made)
    assert [m["message"] for m in rest(eve).fetch_unread(conversation_id=made)["messages"]][-1:] == ["hello"]


# -- large groups ------------------------------------------------


def borrow_passwords(stored: Engine, model: Account, count: int) -> dict[str, int]:
    """Creates ``count`` users with the password of ``model`` and returns id by name.

    Hashing one for each takes too long.
    """
    copy = """
    insert into users (username, display_name, password_hash)
    select unnest(cast(:names as text[])), 'Many', password_hash from users where id = :id returning username, id
    """
    names = [f"m{uuid.uuid4().hex[:20]}" for _ in range(count)]
    with stored.begin() as connection:
        return {row.username: row.id for row in connection.execute(text(copy), {"names": names, "id": model.user_id})}


@pytest.fixture
def many(server: Stack, stored: Engine, opened: list[Any]) -> list[RestClient]:
    """Returns LARGE signed-in users."""
    model = register(server.base_url)
    names = borrow_passwords(stored, model, LARGE)

    def sign_in(name: str) -> RestClient:
        client = RestClient(server.base_url)
        opened.append(client)
        client.token = client.login(name, model.password)["accessToken"]
        return client

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(sign_in, names))


def marks_of(client: EventClient, made: int, name: str) -> list[dict[str, Any]]:
    return [e.data for e in client.named(name) if e.data["conversationId"] == made]


def received_batch(client: EventClient, made: int, furthest: int) -> Callable[[], bool | None]:
    """Checks that most receipts have arrived, including the furthest. (A batch of one receipt is sent to nobody.)"""

    def found() -> bool | None:
        marks = marks_of(client, made, "message_read")
        moved = sum(m.get("moved", 1) for m in marks)
        return True if moved >= LARGE / 2 and max(m["seq"] for m in marks) == furthest else None

    return found


def test_receipts_of_a_large_group_are_sent_in_batches(
    connect: Connect, rest: MakeRest, many: list[RestClient], ann: Account
) -> None:
    ids = [client.json("GET", "/me")["id"] for client in many]
    made = rest(ann).group("Many", ids)["id"]
    sent = [rest(ann).send(conversation_id=made) for _ in range(3)][-1]
    watchers = [connect(transport, ann, ack="client") for transport in ALL]
    with ThreadPoolExecutor(4) as pool:
        acks = list(pool.map(lambda client: client.read(made, sent["seq"] + 1000), many))
    assert {ack["seq"] for ack in acks} == {sent["seq"]}
    assert many[0].read(made, 9999)["seq"] == sent["seq"]
    for watcher in watchers:
        watcher.wait(received_batch(watcher, made, sent["seq"]), 20, "all marks")
        marks = marks_of(watcher, made, "message_read")
        assert len(marks) <= LARGE / 4, f"{len(marks)} events for {LARGE} marks"
        assert all(m["userId"] in ids for m in marks)
    found = rest(ann).receipts(sent["id"], made)
    assert (found["delivered"], found["read"]) == (LARGE, LARGE)
    shown = rest(ann).conversation(made)
    assert (shown["memberCount"], "members" in shown) == (LARGE + 1, False)


def test_non_member_cannot_move_marks_in_a_large_group(
    connect: Connect, rest: MakeRest, stored: Engine, ann: Account, ben: Account, eve: Account, transport: str
) -> None:
    """This also holds if the gateway has cached that the group is large and batches receipts without checking each in
    the log.
    """
    others = borrow_passwords(stored, ann, LARGE).values()
    made = rest(ann).group("Many", [ben.user_id, *others])["id"]
    seq = rest(ann).send(conversation_id=made)["seq"]
    members, strangers = [[connect(transport, who) for _ in range(2)] for who in (ben, eve)]  # one on each gateway
    for client in members:
        assert client.read(made, seq)["seq"] == seq
    rest(ann).remove(made, ben.user_id)
    for client in strangers + members:
        for mark in (client.delivered, client.read):
            with refused("not_found"):
                mark(made, seq + 1)
    found = rest(ann).receipts(rest(ann).send(conversation_id=made)["id"], made, limit=200)
    assert {eve.user_id, ben.user_id}.isdisjoint(by_user(found))
