"""Every answer is bounded by its size as well, so that long messages cut nobody off."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest
from tests.contract.expect import eventually
from tests.support.clients import Account, PollClient, RestClient
from tests.support.processes import Stack

BOUND = 256 * 1024
LONG = "漢" * 8000  # 24 kB in UTF-8
COUNT = 50


def size(answer: Any) -> int:
    return len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.fixture
def conversation(rest: MakeRest, ann: Account, ben: Account) -> int:
    """Fifty messages of 8,000 characters, all stored."""
    sender = rest(ann)
    acks = [sender.send(receiver_id=ben.user_id, message=f"{n:03} {LONG[4:]}") for n in range(COUNT)]
    conversation_id = int(acks[0]["conversationId"])
    eventually(lambda: rest(ben).conversation(conversation_id)["unread"] == COUNT, "all messages")
    return conversation_id


def test_reader_of_long_unread_messages_stays_connected(
    connect: Connect, conversation: int, ben: Account, transport: str
) -> None:
    client = connect(transport, ben)
    seen: list[int] = []
    while len(seen) < COUNT:
        answer = client.fetch_unread()
        assert size(answer) <= BOUND
        page = [message["seq"] for message in answer["messages"]]
        assert page, "a page that leads on"
        seen += page
        assert answer["hasMore"] is (len(seen) < COUNT)
        client.read(conversation, seen[-1])
    assert seen == list(range(1, COUNT + 1))
    assert not client.ended


def test_many_requests_at_once_stay_below_the_outbox(connect: Connect, conversation: int, ben: Account) -> None:
    client = connect("ws", ben)
    refs = [client.command_nowait("fetch_unread_messages", {}) for _ in range(20)]
    for ref in refs:
        assert client.answer(ref).data["messages"]
    assert not client.ended


def test_resume_over_long_messages(connect: Connect, rest: MakeRest, ann: Account, ben: Account) -> None:
    cursors = {transport: connect(transport, ben) for transport in ALL}
    places = {transport: client.cursor for transport, client in cursors.items()}
    for client in cursors.values():
        client.finish()
    sender = rest(ann)
    acks = [sender.send(receiver_id=ben.user_id, message=LONG) for _ in range(COUNT)]
    conversation_id = acks[0]["conversationId"]
    for transport, cursor in places.items():
        client = connect(transport, ben, cursor)
        eventually(lambda c=client: len(c.messages(conversation_id)) == COUNT, f"all of them over {transport}")
        assert not client.ended or transport == "poll"


def pages_back(reader: RestClient, conversation_id: int) -> list[list[int]]:
    pages, before = [], None
    while True:
        answer = reader.history(conversation_id, limit=100, **({"before": before} if before else {}))
        assert size(answer) <= BOUND
        pages.append([message["seq"] for message in answer["messages"]])
        if not answer["hasMore"]:
            return pages
        before = pages[-1][0]


def pages_on(reader: RestClient, conversation_id: int) -> list[list[int]]:
    pages, after = [], 0
    while True:
        answer = reader.history(conversation_id, limit=100, after=after)
        assert size(answer) <= BOUND
        pages.append([message["seq"] for message in answer["messages"]])
        if not answer["hasMore"]:
            return pages
        after = pages[-1][-1]


def test_history_in_both_directions(rest: MakeRest, conversation: int, ben: Account) -> None:
    back, on = pages_back(rest(ben), conversation), pages_on(rest(ben), conversation)
    assert len(back) > 1
    assert len(on) > 1
    assert [seq for page in reversed(back) for seq in page] == list(range(1, COUNT + 1))
    assert [seq for page in on for seq in page] == list(range(1, COUNT + 1))


Query = Callable[..., dict[str, Any]]


def all_pages(read: Query, name: str) -> list[str]:
    found, cursor = [], ""
    while True:
        answer = read(cursor)
        assert size(answer) <= BOUND
        found += [message["id"] for message in answer["messages"]]
        if not answer["hasMore"]:
            return found
        assert answer["cursor"] != cursor, name
        cursor = answer["cursor"]


def test_search_pins_and_stars(rest: MakeRest, conversation: int, ben: Account) -> None:
    reader = rest(ben)
    ids = []
    for seq in range(1, 26):
        (message,) = reader.history(conversation, after=seq - 1, limit=1)["messages"]
        reader.json("PUT", f"/messages/{message['id']}/pin")
        reader.json("PUT", f"/messages/{message['id']}/star")
        ids.append(message["id"])

    def of(path: str, name: str, **more: Any) -> Query:
        return lambda cursor: reader.json("GET", path, params={**more, **({name: cursor} if cursor else {})})

    pins = of(f"/conversations/{conversation}/pins", "before")
    eventually(lambda: len(all_pages(pins, "pins")) == 25, "the pins")
    assert all_pages(pins, "pins") == ids[::-1]
    assert all_pages(of("/starred", "before", limit=100), "stars") == ids[::-1]


def listed(reader: RestClient) -> list[int]:
    found: list[int] = []
    cursor = ""
    while True:
        answer = reader.conversations(limit=100, **({"cursor": cursor} if cursor else {}))
        assert size(answer) <= BOUND
        found += [conversation["id"] for conversation in answer["conversations"]]
        cursor = answer.get("cursor", "")
        if not cursor:
            return found


def test_list_of_conversations(rest: MakeRest, user: Callable[[], Account], ben: Account) -> None:
    expected = [rest(user()).send(receiver_id=ben.user_id, message=LONG)["conversationId"] for _ in range(15)]
    eventually(lambda: listed(rest(ben)) == expected[::-1], "all conversations, newest first")


SHORT_REPLIES = 400


def send_replies(sender: Any, reader: Account) -> list[dict[str, Any]]:
    """Sends short replies whose quotations are longer than they are: 600 bytes each. Returns all acks."""
    first = sender.send("漢" * 200, receiver_id=reader.user_id)
    to = {"receiver_id": reader.user_id, "replyTo": first["id"]}
    refs = [sender.send_nowait(f"reply {number}", **to) for number in range(SHORT_REPLIES)]
    return [first, *(sender.answer(ref).data for ref in refs)]


@pytest.fixture
def replies(connect: Connect, ann: Account, ben: Account) -> int:
    return int(send_replies(connect("ws", ann), ben)[0]["conversationId"])


def test_quotations_count_in_unread_messages(
    connect: Connect, rest: MakeRest, replies: int, ben: Account, transport: str
) -> None:
    client = connect(transport, ben)
    seen: list[int] = []
    while len(seen) < SHORT_REPLIES + 1:
        answer = client.fetch_unread(limit=1000)
        assert size(answer) <= BOUND
        assert "message" in answer["messages"][-1]["quoted"]
        seen += [message["seq"] for message in answer["messages"]]
        client.read(replies, seen[-1])
    assert seen == list(range(1, SHORT_REPLIES + 2))


def test_quotations_count_in_history_and_search(rest: MakeRest, replies: int, ben: Account) -> None:
    reader = rest(ben)
    assert sum(len(page) for page in pages_back(reader, replies)) == SHORT_REPLIES + 1

    def search(cursor: str) -> dict[str, Any]:
        more = {"cursor": cursor} if cursor else {}
        return reader.json("GET", "/search", params={"q": "reply", "limit": 100, "conversationId": replies, **more})

    assert len(all_pages(search, "search")) == SHORT_REPLIES


def test_quotations_count_in_polls(connect: Connect, server: Stack, ann: Account, ben: Account) -> None:
    client = PollClient(server.base_url, ben)
    cursor = client.poll(None, 0)["cursor"]
    sent = [ack["id"] for ack in send_replies(connect("ws", ann), ben)]
    seen: list[str] = []
    while len(seen) < len(sent):
        answer = client.poll(cursor, 1)
        assert size(answer) <= BOUND
        seen += [event["data"]["id"] for event in answer["events"] if event["event"] == "receive_message"]
        cursor = answer["cursor"]
    client.finish()
    assert seen == sent


def test_all_edits_of_a_message_can_be_read(rest: MakeRest, ann: Account, ben: Account) -> None:
    writer = rest(ann)
    sent = writer.send(receiver_id=ben.user_id, message="0")
    texts = [f"{number} {LONG[4:]}" for number in range(1, 25)]
    for text in [*texts, "the end"]:
        writer.edit(sent["id"], text, sent["conversationId"])
    read: list[str] = []
    query: dict[str, Any] = {"conversationId": sent["conversationId"]}
    more = True
    while more:
        page = writer.json("GET", f"/messages/{sent['id']}/edits", params=query)
        assert size(page) <= BOUND
        read = [edit["message"] for edit in page["edits"]] + read
        more, query["before"] = page["hasMore"], page.get("cursor")
    assert read == ["0", *texts]
