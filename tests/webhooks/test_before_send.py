"""The hook before sending, over REST and WebSocket of a running server."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.webhook_signature import secret_of
from dev.processes import wait_until
from tests.contract.conftest import MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, HostClient, Refused, RestClient, WsClient
from tests.support.hook_server import HookServer, hook_server
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

KEY = "the-key-of-a-host-for-the-tests-of-the-hook"
SECRET = secret_of(b"a secret of the hook: 24+")
TIMEOUT = 1.0


@pytest.fixture(scope="module")
def hook() -> Iterator[HookServer]:
    with hook_server(SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def server(hook: HookServer) -> Iterator[Stack]:
    env = {
        "SERVER_API_KEY": KEY,
        "BEFORE_SEND_URL": hook.url,
        "BEFORE_SEND_SECRET": SECRET,
        "BEFORE_SEND_TIMEOUT": str(TIMEOUT),
    }
    with private_stack(web=1, workers=1, env=env) as stack:
        yield stack


@pytest.fixture(autouse=True)
def allowing(hook: HookServer) -> Iterator[None]:
    yield
    hook.decide = lambda message: None
    hook.answer, hook.delay, hook.pause = None, 0.0, 0.0
    assert hook.failures == []


@pytest.fixture
def host(server: Stack, opened: list[Any]) -> HostClient:
    opened.append(client := HostClient(server.base_url, KEY))
    return client


def test_hook_is_asked_with_the_ids_of_the_host(host: HostClient, hook: HookServer, rest: MakeRest) -> None:
    zoe_id, zoe = host.new_account()
    made = host.new_group(zoe_id)
    room, one = made["externalId"], made["id"]
    text = f"t-{uuid.uuid4()}"
    sent = rest(zoe).send(conversation_id=one, message=text, metadata={"a": 1})
    assert hook.asked(text) == [
        {
            "id": sent["id"],
            "conversation": room,
            "sender": zoe_id,
            "message": text,
            "kind": "text",
            "metadata": {"a": 1},
            "attachments": [],
        }
    ]


def test_first_message_names_the_recipient(hook: HookServer, rest: MakeRest, ann: Account, ben: Account) -> None:
    text = f"t-{uuid.uuid4()}"
    sent = rest(ann).send(receiver_id=ben.user_id, message=text)
    [asked] = hook.asked(text)
    assert (asked["conversation"], asked["recipient"], asked["sender"]) == (None, ben.user_id, ann.user_id)
    again = f"t-{uuid.uuid4()}"
    rest(ann).send(receiver_id=ben.user_id, message=again)
    [asked] = hook.asked(again)
    assert asked["conversation"] == sent["conversationId"]


def test_refused_message_is_not_sent(
    server: Stack, hook: HookServer, rest: MakeRest, ann: Account, ben: Account, opened: list[Any]
) -> None:
    hook.decide = lambda message: {"action": "reject", "reason": "spam"} if "buy" in message["message"] else None
    with refused("rejected") as error:
        rest(ann).send(receiver_id=ben.user_id, message="buy this")
    assert (error.value.status, error.value.data["reason"]) == (422, "spam")
    sent = rest(ann).send(receiver_id=ben.user_id, message="hello")
    assert sent["seq"] == 1
    opened.append(client := WsClient(server.base_url, ann))
    client.join()
    with refused("rejected") as error:
        client.send(conversation_id=sent["conversationId"], message="buy that")
    assert error.value.data["reason"] == "spam"
    assert client.send(conversation_id=sent["conversationId"], message="fine")["seq"] == 2
    hook.decide = lambda message: {"action": "reject"}
    with refused("rejected") as error:
        client.send(conversation_id=sent["conversationId"], message="anything")
    assert "reason" not in error.value.data


def test_message_is_rewritten(hook: HookServer, rest: MakeRest, ann: Account, ben: Account) -> None:
    hook.decide = lambda message: {
        "action": "rewrite",
        "message": message["message"].replace("darn", "****") + f" @{ben.username}",
        "metadata": {"checked": True},
    }
    sent = rest(ann).send(receiver_id=ben.user_id, message="darn it", metadata={"mine": 1})
    [message] = rest(ben).json("GET", f"/conversations/{sent['conversationId']}/messages")["messages"]
    assert message["message"] == f"**** it @{ben.username}"
    assert message["metadata"] == {"checked": True}
    assert message["mentions"] == [ben.user_id], "people whom the new text names are notified"
    hook.decide = lambda message: {"action": "rewrite", "metadata": None}
    rest(ann).send(receiver_id=ben.user_id, message="as it was", metadata={"mine": 1})
    message = rest(ben).json("GET", f"/conversations/{sent['conversationId']}/messages")["messages"][-1]
    assert message["message"] == "as it was"
    assert "metadata" not in message


def test_edits_pass_through_the_hook(hook: HookServer, rest: MakeRest, ann: Account, ben: Account) -> None:
    sent = rest(ann).send(receiver_id=ben.user_id, message="first")
    hook.decide = lambda message: {"action": "reject", "reason": "no"} if "buy" in message["message"] else None
    path = f"/messages/{sent['id']}"
    with refused("rejected"):
        rest(ann).json("PATCH", path, json={"message": "buy"})
    hook.decide = lambda message: {"action": "rewrite", "message": message["message"].upper()}
    rest(ann).json("PATCH", path, json={"message": "second"})
    [message] = rest(ben).json("GET", f"/conversations/{sent['conversationId']}/messages")["messages"]
    assert message["message"] == "SECOND"
    [asked] = hook.asked("second")
    assert (asked["edit"], asked["id"], asked["conversation"]) == (True, sent["id"], sent["conversationId"])


def begin(writer: RestClient, text: str, **target: Any) -> dict[str, Any]:
    """Returns the ack of a stream with this text."""
    made = writer.json("POST", "/streams", json=target)
    writer.request("POST", f"/streams/{made['id']}/append", json={"from": 0, "text": text})
    return made


def shown(reader: RestClient, conversation_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reader.json("GET", f"/conversations/{conversation_id}/messages")["messages"]
    return found


def test_hook_sees_the_whole_text_of_a_stream_at_its_end(
    hook: HookServer, rest: MakeRest, ann: Account, ben: Account
) -> None:
    text = f"t-{uuid.uuid4()}"
    made = begin(rest(ann), text, receiverId=ben.user_id, metadata={"a": 1})
    hook.decide = lambda message: {"action": "rewrite", "message": text.upper(), "metadata": None}
    rest(ann).json("POST", f"/streams/{made['id']}/end", json={})
    [message] = shown(rest(ben), made["conversationId"])
    assert (message["message"], "metadata" in message, "streaming" in message) == (text.upper(), False, False)
    [asked] = hook.asked(text)
    assert (asked["end"], asked["id"], asked["metadata"]) == (True, made["id"], {"a": 1})
    whole = f"t-{uuid.uuid4()}"
    hook.decide = lambda message: None
    made = begin(rest(ann), "a beginning", receiverId=ben.user_id)
    rest(ann).json("POST", f"/streams/{made['id']}/end", json={"message": whole})
    assert hook.asked(whole)[0]["end"] is True


def test_refused_stream_is_deleted_at_its_end(
    server: Stack, hook: HookServer, rest: MakeRest, ann: Account, ben: Account, opened: list[Any]
) -> None:
    opened.append(reader := WsClient(server.base_url, ben))
    reader.join()
    made = begin(rest(ann), "buy this", receiverId=ben.user_id)
    hook.decide = lambda message: {"action": "reject", "reason": "spam"} if "buy" in message["message"] else None
    with pytest.raises(Refused) as caught:
        rest(ann).json("POST", f"/streams/{made['id']}/end", json={})
    assert (caught.value.code, caught.value.status, caught.value.data["reason"]) == ("rejected", 422, "spam")
    reader.next_event(lambda event: event.name == "message_deleted" and event.data["id"] == made["id"])
    for client in (rest(ann), rest(ben)):
        [message] = shown(client, made["conversationId"])
        assert ("deletedAt" in message, "message" in message) == (True, False)
    with refused("not_found"):
        rest(ann).request("POST", f"/streams/{made['id']}/append", json={"from": 8, "text": " now"})


def test_stopped_stream_passes_through_the_hook(hook: HookServer, rest: MakeRest, ann: Account, ben: Account) -> None:
    made = begin(rest(ann), "buy this", receiverId=ben.user_id)
    hook.decide = lambda message: {"action": "reject"} if "buy" in message["message"] else None
    rest(ben).json("POST", f"/messages/{made['id']}/stop")
    assert "deletedAt" in shown(rest(ben), made["conversationId"])[0]


def test_stream_that_times_out_passes_through_the_hook(
    server: Stack, hook: HookServer, rest: MakeRest, ann: Account, ben: Account, opened: list[Any]
) -> None:
    made, fine = (begin(rest(ann), text, receiverId=ben.user_id) for text in ("buy this", "fine"))
    hook.decide = lambda message: {"action": "reject"} if "buy" in message["message"] else None
    _age(server)
    wait_until(lambda: "streaming" not in shown(rest(ben), made["conversationId"])[1], 60, "the end")
    wait_until(lambda: "deletedAt" in shown(rest(ben), made["conversationId"])[0], 60, "the deletion")
    assert shown(rest(ben), fine["conversationId"])[1]["message"] == "fine"


def _age(server: Stack) -> None:
    """Nothing was added to the open streams for an hour."""
    with server.shards() as shards:
        for shard in shards:
            for place in shard.redis.zrange(shard.keys.streams, 0, -1):
                shard.redis.zincrby(shard.keys.streams, -3_600_000, place)


def test_streams_of_the_host_are_not_asked_about(host: HostClient, hook: HookServer) -> None:
    zoe_id, _ = host.new_account()
    room = host.new_group(zoe_id)["externalId"]
    made = host.answer("POST", "/streams", json={"conversation": room, "sender": zoe_id})
    text = f"t-{uuid.uuid4()}"
    host.call("POST", f"/streams/{made['id']}/append", json={"from": 0, "text": text})
    hook.decide = lambda message: {"action": "reject"}
    host.call("POST", f"/streams/{made['id']}/end", json={})
    assert host.answer("GET", f"/conversations/{room}/messages")["messages"][-1]["message"] == text
    assert hook.asked(text) == []


def test_messages_of_the_host_are_not_asked_about(host: HostClient, hook: HookServer) -> None:
    zoe_id, _ = host.new_account()
    yan_id, _ = host.new_account()
    hook.decide = lambda message: {"action": "reject"}
    text = f"t-{uuid.uuid4()}"
    made = host.call("POST", "/messages", json={"sender": zoe_id, "recipient": yan_id, "message": text})
    assert made.status_code == 201
    assert hook.asked(text) == []


def test_waiting_messages_share_calls_and_stay_in_order(
    server: Stack, hook: HookServer, rest: MakeRest, ann: Account, ben: Account, opened: list[Any]
) -> None:
    """While a call is under way, the messages of its conversation wait, and then go in one call."""
    one = rest(ann).send(receiver_id=ben.user_id, message="first")["conversationId"]
    opened.append(client := WsClient(server.base_url, ann))
    client.join()
    hook.delay, before = 0.3, len(hook.calls)
    texts = [f"m{n}-{uuid.uuid4()}" for n in range(40)]
    refs = [client.send_nowait(text, conversation_id=one) for text in texts]
    for ref in refs:
        client.answer(ref)
    found = rest(ben).json("GET", f"/conversations/{one}/messages", params={"limit": 100})["messages"]
    assert [message["message"] for message in found][1:] == texts
    assert len(hook.calls) - before <= 4
    assert sum(len(call) for call in hook.calls[before:]) == 40


def test_slow_hook_holds_up_nobody_else(
    server: Stack, hook: HookServer, rest: MakeRest, ann: Account, ben: Account, opened: list[Any]
) -> None:
    """Sends wait for it in vain; then they are sent. The gateway serves everything else during that time."""
    one = rest(ann).send(receiver_id=ben.user_id, message="first")["conversationId"]
    released = threading.Event()

    def wait(_: Any) -> None:
        released.wait(10)

    hook.decide = wait
    done: list[dict[str, Any]] = []
    began = time.monotonic()
    senders = [
        threading.Thread(target=lambda: done.append(rest(ann).send(conversation_id=one, message="slow")))
        for _ in range(20)
    ]
    for sender in senders:
        sender.start()
    try:
        wait_until(lambda: hook.asked("slow"), 10, "the hook")
        for _ in range(5):
            asked = time.monotonic()
            rest(ben).json("GET", "/me")
            assert time.monotonic() - asked < 0.8 * TIMEOUT
    finally:
        for sender in senders:
            sender.join(30)
        released.set()
    assert len(done) == 20
    assert time.monotonic() - began >= TIMEOUT


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"{}"),
        (204, b""),
        (200, b"nonsense"),
        (200, b'{"results": []}'),
        (200, b'{"results": [{"action": "maybe"}]}'),
        (200, b'{"results": [{"action": "rewrite", "message": ""}]}'),
        (200, b'{"results": [{"action": "rewrite", "message": "\\u0000"}]}'),
        (200, b'{"results": [{"action": "rewrite", "metadata": [1]}]}'),
        (200, b'{"results": [{"action": "rewrite", "message": "' + b"a" * 9000 + b'"}]}'),
        (200, b'{"results": [{"action": "reject", "reason": 7}]}'),
        (200, b" " * (5 * 1024 * 1024)),
        (302, b""),
    ],
)
def test_broken_answer_is_a_failure_which_allows(
    hook: HookServer, rest: MakeRest, ann: Account, ben: Account, answer: tuple[int, bytes]
) -> None:
    hook.answer = answer
    sent = rest(ann).send(receiver_id=ben.user_id, message="hello")
    [message] = rest(ben).json("GET", f"/conversations/{sent['conversationId']}/messages")["messages"]
    assert message["message"] == "hello"


def test_answer_that_comes_byte_by_byte_is_cut(hook: HookServer, rest: MakeRest, ann: Account, ben: Account) -> None:
    """Every byte restarts the timeout of a socket. The limit holds for the whole answer."""
    hook.pause = 0.2
    began = time.monotonic()
    assert rest(ann).send(receiver_id=ben.user_id, message="hello")["seq"] == 1
    assert TIMEOUT <= time.monotonic() - began < TIMEOUT + 2
