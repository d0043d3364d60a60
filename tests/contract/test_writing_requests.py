"""Users limit who may write to them. The messages of others wait with a request, and the sender sees no difference."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.contract.expect_groups import texts
from tests.support.clients import Account, RestClient


def only(rest: RestClient, who: str) -> None:
    assert rest.json("PATCH", "/me", json={"mayWriteToMe": who})["mayWriteToMe"] == who


def waiting(rest: RestClient) -> list[tuple[int, int, str]]:
    requests = rest.json("GET", "/requests")["requests"]
    return [(request["conversationId"], request["sender"]["id"], request["kind"]) for request in requests]


def answer(rest: RestClient, conversation_id: int, how: str) -> None:
    rest.request("POST", f"/requests/{conversation_id}/{how}")


def listed(rest: RestClient) -> list[int]:
    """Returns the user's conversations without their notes to themselves."""
    return [found["id"] for found in rest.conversations()["conversations"] if found["memberCount"] > 1]


def unread(rest: RestClient) -> list[str]:
    return [message["message"] for message in rest.fetch_unread()["messages"]]


def is_hidden(rest: RestClient, conversation_id: int) -> None:
    """Checks every way to read a conversation."""
    assert conversation_id not in listed(rest)
    assert unread(rest) == []
    assert rest.json("GET", "/search", params={"q": "hello"})["messages"] == []
    for read in (rest.conversation, rest.history):
        with refused("not_found"):
            read(conversation_id)
    with refused("not_found"):
        rest.read(conversation_id, 1)
    with refused("not_found"):
        rest.send(conversation_id=conversation_id)


def test_everyone_may_write_by_default(rest: MakeRest, ann: Account, ben: Account) -> None:
    assert rest(ann).json("GET", "/me")["mayWriteToMe"] == "everyone"
    with refused("invalid"):
        rest(ann).json("PATCH", "/me", json={"mayWriteToMe": "friends"})
    rest(ben).send(message="hello", receiver_id=ann.user_id)
    assert (unread(rest(ann)), waiting(rest(ann))) == (["hello"], [])


@pytest.mark.parametrize("who", ["contacts", "nobody"])
def test_message_of_a_stranger_waits_unseen(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, who: str
) -> None:
    only(rest(ann), who)
    here, away = connect(transport, ann), connect(transport, ann)
    away.kill()
    sender = connect(transport, ben)
    ack = sender.send("hello", receiver_id=ann.user_id)
    assert (ack["status"], ack["seq"]) == ("stored", 1)
    sender.send("hello again", conversation_id=ack["conversationId"])
    sender.typing(conversation_id=ack["conversationId"])
    away.reconnect()
    for client in (here, away):
        client.fence()
        assert client.messages(ack["conversationId"]) == []
        assert client.named("typing") == []
        assert client.fetch_unread()["messages"] == []
    is_hidden(rest(ann), ack["conversationId"])
    assert waiting(rest(ann)) == [(ack["conversationId"], ben.user_id, "direct")]
    assert texts(rest(ben), ack["conversationId"]) == ["hello", "hello again"]


def test_opened_conversation_waits_without_a_message(rest: MakeRest, ann: Account, ben: Account) -> None:
    only(rest(ann), "nobody")
    opened = rest(ben).direct(ann.user_id)["id"]
    assert listed(rest(ann)) == []
    assert waiting(rest(ann)) == [(opened, ben.user_id, "direct")]
    assert listed(rest(ben)) == [opened]


def test_contacts_write_at_once(rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, eve: Account) -> None:
    group(eve, ann)
    only(rest(ann), "contacts")
    rest(eve).send(message="hello", receiver_id=ann.user_id)
    assert (unread(rest(ann)), waiting(rest(ann))) == (["", "hello"], [])  # the first one is about the new group
    only(rest(ann), "nobody")
    rest(eve).send(message="still open", receiver_id=ann.user_id)
    assert unread(rest(ann))[1:] == ["hello", "still open"]


def test_accepting_shows_everything_once_at_every_device(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    only(rest(ann), "nobody")
    here, away = connect(transport, ann), connect(transport, ann)
    away.kill()
    sender = connect(transport, ben)
    conversation = sender.send("one", receiver_id=ann.user_id)["conversationId"]
    sender.send("two", conversation_id=conversation)
    away.reconnect()
    away.fence()
    away.kill()
    shown = rest(ann).json("POST", f"/requests/{conversation}/accept")
    assert (shown["id"], shown["unread"], shown["lastMessage"]["message"]) == (conversation, 2, "two")
    assert rest(ann).json("POST", f"/requests/{conversation}/accept") == shown  # a client that got no answer
    assert waiting(rest(ann)) == []
    after = sender.send("three", conversation_id=conversation)
    away.reconnect()
    for client in (here, away):
        client.next_event("resync")
        assert client.next_message(after["id"])["message"] == "three"
        assert [m["message"] for m in client.fetch_unread()["messages"]] == ["one", "two", "three"]
        assert [m["message"] for m in client.messages(conversation)] == ["three"]
        assert len(client.named("resync")) == 1
    again = connect(transport, ann)
    again.fence()
    assert again.messages(conversation) == []
    assert rest(ann).conversation(conversation)["unread"] == 3
    assert texts(rest(ann), conversation) == ["one", "two", "three"]
    reply = connect(transport, ann).send("hi", conversation_id=conversation)
    assert sender.next_message(reply["id"])["message"] == "hi"


def test_refused_sender_stays_unseen_and_does_not_ask_again(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    only(rest(ann), "nobody")
    client, sender = connect(transport, ann), connect(transport, ben)
    conversation = sender.send("hello", receiver_id=ann.user_id)["conversationId"]
    answer(rest(ann), conversation, "refuse")
    assert waiting(rest(ann)) == []
    assert sender.send("hello?", receiver_id=ann.user_id)["conversationId"] == conversation
    assert rest(ben).direct(ann.user_id)["id"] == conversation
    client.fence()
    assert client.messages(conversation) == []
    assert client.named("resync") == []
    is_hidden(rest(ann), conversation)
    assert waiting(rest(ann)) == []
    with refused("not_found"):
        answer(rest(ann), conversation, "accept")


@pytest.mark.parametrize("before", ["waiting", "refused"])
def test_writing_to_the_sender_answers_the_request(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str, before: str
) -> None:
    only(rest(ann), "contacts")
    sender = connect(transport, ben)
    conversation = sender.send("hello", receiver_id=ann.user_id)["conversationId"]
    if before == "refused":
        answer(rest(ann), conversation, "refuse")
    writer = connect(transport, ann)
    first, second = writer.send("it was me", receiver_id=ben.user_id), writer.send("hi", receiver_id=ben.user_id)
    assert (first["conversationId"], first["seq"], second["seq"]) == (conversation, 2, 3)
    assert sender.next_message(first["id"])["message"] == "it was me"
    assert texts(rest(ann), conversation) == ["hello", "it was me", "hi"]
    assert waiting(rest(ann)) == []
    later = sender.send("good", receiver_id=ann.user_id)
    assert writer.next_message(later["id"])["message"] == "good"


def test_receiver_who_wrote_first_is_open(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    only(rest(ann), "nobody")
    conversation = rest(ann).send(message="hello", receiver_id=ben.user_id)["conversationId"]
    client = connect(transport, ann)
    reply = connect(transport, ben).send("hi", receiver_id=ann.user_id)
    assert (reply["conversationId"], client.next_message(reply["id"])["message"]) == (conversation, "hi")
    assert waiting(rest(ann)) == []


def test_opening_the_conversation_answers_the_request(rest: MakeRest, ann: Account, ben: Account) -> None:
    only(rest(ann), "nobody")
    conversation = rest(ben).send(message="hello", receiver_id=ann.user_id)["conversationId"]
    opened = rest(ann).direct(ben.user_id)
    assert (opened["id"], opened["unread"]) == (conversation, 1)
    assert waiting(rest(ann)) == []
    assert rest(ann).direct(ben.user_id)["id"] == conversation


def test_typing_does_not_answer_the_request(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    only(rest(ann), "nobody")
    sender = connect(transport, ben)
    conversation = sender.send("hello", receiver_id=ann.user_id)["conversationId"]
    if transport == "ws":  # the only transport that names a receiver
        connect("ws", ann).typing(receiver_id=ben.user_id)
    with refused("not_found"):
        rest(ann).typing(typing=True, conversation_id=conversation)
    sender.fence()
    assert sender.named("typing") == []
    assert listed(rest(ann)) == []


def seen_by_sender(rest: RestClient, receiver: Account, events: Any) -> list[Any]:
    """Returns everything that a sender can see of a conversation, without the values that differ between any two
    conversations.
    """
    sent = rest.send(message=f"hello @{receiver.username}", receiver_id=receiver.user_id)
    conversation, message = sent["conversationId"], sent["id"]
    rest.json("PUT", f"/messages/{message}/pin")
    rest.json("PUT", f"/messages/{message}/reactions/👍")
    rest.json("PATCH", f"/messages/{message}", json={"message": f"hello, @{receiver.username}"})
    rest.typing(typing=True, conversation_id=conversation)
    events.fence()
    found = [
        rest.conversation(conversation),
        rest.history(conversation),
        rest.json("GET", f"/conversations/{conversation}/members"),
        rest.json("GET", f"/messages/{message}/receipts"),
        rest.json("GET", f"/conversations/{conversation}/pins"),
        rest.json("GET", "/users", params={"ids": receiver.user_id}),
        [(event.name, event.data) for event in events.events if event.data.get("conversationId") == conversation],
    ]
    return [without_names(part, {conversation: "c", receiver.user_id: "r", message: "m", receiver.username: "name"})
            for part in found]  # fmt: skip


TIMES = {"sentAt", "editedAt", "pinnedAt", "updatedAt", "displayName", "lastSeen"}


def without_names(value: Any, names: dict[Any, str]) -> Any:
    if isinstance(value, dict):
        return {key: without_names(v, names) for key, v in value.items() if key not in TIMES}
    if isinstance(value, (list, tuple)):
        return [without_names(v, names) for v in value]
    if isinstance(value, str):
        return names.get(value) or next(
            (value.replace(n, "x") for n in names if isinstance(n, str) and n in value), value
        )
    return names.get(value, value) if not isinstance(value, bool) else value


@pytest.mark.parametrize("refusing", [False, True])
def test_sender_sees_no_difference(connect: Connect, rest: MakeRest, user: Any, ann: Account, refusing: bool) -> None:
    open_one, held_one = user(), user()
    only(rest(held_one), "nobody")
    if refusing:
        answer(rest(held_one), rest(ann).direct(held_one.user_id)["id"], "refuse")
        rest(ann).direct(open_one.user_id)
    events = connect("ws", ann)
    ordinary = seen_by_sender(rest(ann), open_one, events)
    assert seen_by_sender(rest(ann), held_one, events) == ordinary


def test_waiting_message_is_never_delivered_or_read(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, transport: str
) -> None:
    only(rest(ann), "nobody")
    client, sender = connect(transport, ann), connect(transport, ben)
    ack = sender.send("hello", receiver_id=ann.user_id)
    client.fetch_unread()
    client.fence()
    client.kill()
    client.reconnect()
    client.fence()
    sender.fence()
    assert sender.named("message_delivered") == []
    assert [m["status"] for m in rest(ben).history(ack["conversationId"])["messages"]] == ["stored"]


def test_block_wins_over_a_request(rest: MakeRest, ann: Account, ben: Account) -> None:
    only(rest(ann), "nobody")
    rest(ann).request("PUT", f"/blocks/{ben.user_id}")
    conversation = rest(ben).send(message="hidden for good", receiver_id=ann.user_id)["conversationId"]
    assert waiting(rest(ann)) == []
    with refused("not_found"):
        answer(rest(ann), conversation, "accept")
    rest(ann).request("DELETE", f"/blocks/{ben.user_id}")
    rest(ben).send(message="after the block", receiver_id=ann.user_id)
    assert waiting(rest(ann)) == [(conversation, ben.user_id, "direct")]
    answer(rest(ann), conversation, "accept")
    assert texts(rest(ann), conversation) == ["after the block"]


def test_changing_the_setting_does_not_answer_what_waits(rest: MakeRest, ann: Account, ben: Account) -> None:
    only(rest(ann), "nobody")
    conversation = rest(ben).send(message="hello", receiver_id=ann.user_id)["conversationId"]
    only(rest(ann), "everyone")
    rest(ben).send(message="hello?", receiver_id=ann.user_id)
    assert (listed(rest(ann)), waiting(rest(ann))) == ([], [(conversation, ben.user_id, "direct")])


@pytest.mark.parametrize("first", ALL)
def test_accepting_during_sends_shows_every_message_once(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account, first: str
) -> None:
    """The accepting device gets each message by a fetch after ``resync`` or as an event."""
    only(rest(ann), "nobody")
    client = connect(first, ann)
    conversation = rest(ben).direct(ann.user_id)["id"]
    senders = [connect("ws", ben) for _ in range(2)]

    def send(which: int) -> None:
        for n in range(15):
            senders[which].send(f"{which}-{n}", receiver_id=ann.user_id)

    threads = [threading.Thread(target=send, args=(which,)) for which in range(2)]
    threads.append(threading.Thread(target=answer, args=(rest(ann), conversation, "accept")))
    for thread in threads:
        thread.start()
    client.next_event("resync")
    fetched = {m["seq"] for m in client.fetch_unread()["messages"]}
    for thread in threads:
        thread.join()
    client.fence()
    live = [message["seq"] for message in client.messages(conversation)]
    assert live == sorted(set(live))
    assert sorted(fetched | set(live)) == list(range(1, 31))
    assert sorted(unread(rest(ann))) == sorted(f"{which}-{n}" for which in range(2) for n in range(15))


def test_both_first_messages_at_once_open_one_conversation(
    connect: Connect, rest: MakeRest, ann: Account, ben: Account
) -> None:
    """Nobody's message is lost, whichever of the two was first: the receiver's own message is consent."""
    only(rest(ann), "nobody")
    clients = [(connect("ws", ann), ben), (connect("ws", ben), ann)]
    acks: list[dict[str, Any]] = []

    def send(client: Any, peer: Account) -> None:
        acks.append(client.send("hello", receiver_id=peer.user_id))

    threads = [threading.Thread(target=send, args=pair) for pair in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [conversation] = {ack["conversationId"] for ack in acks}
    assert sorted(ack["seq"] for ack in acks) == [1, 2]
    for person in (ann, ben):
        eventually(lambda who=person: len(texts(rest(who), conversation)) == 2, "both messages")  # type: ignore[misc]
    assert waiting(rest(ann)) == []
