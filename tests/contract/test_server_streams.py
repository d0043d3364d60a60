"""The host's server writes streams in the name of a user."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeRest, Person
from tests.contract.expect import refused
from tests.contract.expect_streams import appended, ended, stop
from tests.support.clients import HostClient


@pytest.fixture
def bot(host: HostClient) -> Person:
    return host.new_account(displayName="Bot")


@pytest.fixture
def room(host: HostClient, zoe: Person, bot: Person) -> str:
    """The external id of a group of Zoe and the bot."""
    return str(host.new_group(zoe[0], bot[0])["externalId"])


def append(host: HostClient, id_: str, start: int, text: str) -> int:
    return host.call("POST", f"/streams/{id_}/append", json={"from": start, "text": text}).status_code


def test_a_stream_of_the_host_from_beginning_to_end(
    connect: Connect, rest: MakeRest, host: HostClient, room: str, zoe: Person, bot: Person
) -> None:
    readers = [connect(transport, zoe[1]) for transport in ALL]
    body = {"conversation": room, "sender": bot[0], "metadata": {"run": 1}, "kind": "answer"}
    answer = host.call("POST", "/streams", json=body)
    started = answer.json()
    id_ = started["id"]
    assert (answer.status_code, started["seq"]) == (201, 2)
    for reader in readers:
        shown = reader.next_message(id_)
        assert (shown["senderId"], shown["streaming"], shown["message"]) == (bot[1].user_id, True, "")
        assert (shown["metadata"], shown["kind"]) == ({"run": 1}, "answer")
    assert [append(host, id_, *piece) for piece in ((0, "Hello "), (6, "world"), (6, "world"))] == [204] * 3
    for reader in readers:
        assert reader.next_event(appended(id_, 6)).data["text"] == "world"
    history = host.answer("GET", f"/conversations/{room}/messages")["messages"]
    assert (history[-1]["message"], history[-1]["length"]) == ("Hello world", 11)
    ack = host.answer("POST", f"/streams/{id_}/end", json={"message": "Hello, world!"})
    assert (ack["id"], ack["seq"], ack["status"]) == (id_, 2, "stored")
    for reader in readers:
        assert reader.next_event(ended(id_)).data["message"] == "Hello, world!"
        assert len(reader.named("message_append")) == 2
    assert host.answer("GET", f"/conversations/{room}/messages")["messages"][-1]["message"] == "Hello, world!"


def test_refusals(host: HostClient, rest: MakeRest, room: str, zoe: Person, bot: Person) -> None:
    id_ = host.answer("POST", "/streams", json={"conversation": room, "sender": bot[0]})["id"]
    append(host, id_, 0, "abc")
    with refused("conflict") as caught:
        append(host, id_, 4, "x")
    assert (caught.value.status, caught.value.data["length"]) == (409, 3)
    assert stop(rest(zoe[1]), id_)["seq"] == 2
    with refused("stopped") as caught:
        append(host, id_, 3, "x")
    assert caught.value.status == 409
    with refused("stopped"):
        host.answer("POST", f"/streams/{id_}/end", json={"message": "another text"})
    assert host.answer("POST", f"/streams/{id_}/end")["seq"] == 2
    assert host.answer("GET", f"/conversations/{room}/messages")["messages"][-1]["message"] == "abc"
    missing = str(uuid.uuid4())
    with refused("not_found"):
        append(host, missing, 0, "x")
    with refused("not_found"):
        host.answer("POST", f"/streams/{missing}/end")
    with refused("not_found"):
        append(host, "no-uuid", 0, "x")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"conversation": "unknown"}, "not_found", "conversation"),
        ({"conversation": 10**9}, "not_found", "conversation"),
        ({"sender": "unknown"}, "not_found", "sender"),
        ({"sender": None}, "invalid", "sender"),
        ({"conversation": None}, "invalid", "conversation"),
        ({"kind": "system"}, "invalid", "kind"),
        ({"id": "1"}, "invalid", "id"),
        ({"metadata": {"a": "x" * 5000}}, "too_large", "metadata"),
    ],
)
def test_bad_starts(host: HostClient, room: str, bot: Person, change: Any, code: str, field: str) -> None:
    with refused(code) as caught:
        host.answer("POST", "/streams", json={"conversation": room, "sender": bot[0], **change})
    assert [error["field"] for error in caught.value.data["errors"]] == [field]


def test_only_keys_with_the_scope_write(host: HostClient, rest: MakeRest, room: str, bot: Person) -> None:
    with refused("unauthorized"):
        rest(bot[1]).json("POST", "/server/streams", json={"conversation": room, "sender": bot[0]})
    id_ = host.answer("POST", "/streams", json={"conversation": room, "sender": bot[0]})["id"]
    for path, body in (("append", {"from": 0, "text": "x"}), ("end", {})):
        with refused("unauthorized"):
            rest(bot[1]).json("POST", f"/server/streams/{id_}/{path}", json=body)


def test_host_goes_on_with_the_stream_of_a_member(
    connect: Connect, rest: MakeRest, host: HostClient, zoe: Person, room: str
) -> None:
    conversation_id = rest(zoe[1]).json("GET", f"/conversations?externalId={room}")["conversations"][0]["id"]
    id_ = rest(zoe[1]).json("POST", "/streams", json={"conversationId": conversation_id})["id"]
    assert append(host, id_, 0, "by the host") == 204
    assert host.answer("POST", f"/streams/{id_}/end")["id"] == id_
    assert host.answer("GET", f"/conversations/{room}/messages")["messages"][-1]["message"] == "by the host"
