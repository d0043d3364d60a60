"""Broken and hostile WebSocket frames get the documented error, and the session stays open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, WsClient

DEEP = "[" * 20_000 + "]" * 20_000

NOT_FRAMES = {
    "empty": "",
    "not json": "hello",
    "cut short": '{"event": "ping"',
    "a number": "42",
    "null": "null",
    "an array": '["ping"]',
    "no event": '{"data": {}}',
    "event of another type": '{"event": 7, "data": {}}',
    "unknown event": '{"event": "reboot", "data": {}}',
    "an event of the server": '{"event": "receive_message", "data": {}}',
    "data of another type": '{"event": "send_message", "data": [1]}',
    "data null": '{"event": "send_message", "data": null}',
    "ref of another type": '{"event": "ping", "data": {}, "ref": {}}',
    "deep": '{"event": "ping", "data": ' + DEEP + "}",
    "deep in a member": '{"event": "send_message", "data": {"receiverId": 1, "message": "x", "attachments": '
    + DEEP
    + "}}",
    "a literal NUL": '{"event": "ping\x00", "data": {}}',
    "infinity": '{"event": "typing", "data": {"conversationId": Infinity, "typing": true}}',
    "a huge number": '{"event": "message_read", "data": {"conversationId": 1' + "0" * 400 + ', "seq": 1}}',
}


HALF_AN_EMOJI = '{"event": "send_message", "data": {"receiverId": 1, "message": "\\ud83d"}, "ref": %s}'


def test_half_an_emoji_is_answered_with_its_ref(connect: Connect, ann: Account) -> None:
    """A text cut by UTF-16 units ends in half an emoji.

    JavaScript writes it as an escape, which is not valid Unicode.
    """
    client: WsClient = connect("ws", ann)
    client.send_text(HALF_AN_EMOJI % '"mine"')
    answer = client.wait(lambda: client.replies.get("mine"), 30, "the answer")
    assert (answer.name, answer.data["code"]) == ("error", "invalid")
    for ref in ('"\\udc00"', '"' + "x" * 129 + '"', "7"):
        before = len(client.events)
        client.send_text(HALF_AN_EMOJI % ref)
        client.wait(lambda before=before: True if len(client.events) > before else None, 30, "an answer without a ref")
        assert (client.events[-1].name, client.events[-1].ref) == ("error", None)
    client.ping()


def nth_error(client: WsClient, count: int) -> dict[str, Any]:
    return client.wait(lambda: _nth(client, count), 30, f"error {count}")


def _nth(client: WsClient, count: int) -> dict[str, Any] | None:
    found = [e.data for e in [*client.events, *client.replies.values()] if e.name == "error"]
    return found[count - 1] if len(found) >= count else None


@pytest.mark.parametrize("name", NOT_FRAMES)
def test_invalid_frame_is_answered_and_the_session_stays_open(connect: Connect, ann: Account, name: str) -> None:
    client: WsClient = connect("ws", ann)
    client.send_text(NOT_FRAMES[name])
    error = nth_error(client, 1)
    assert error["code"] == "invalid"
    assert isinstance(error["message"], str)
    client.ping()
    assert client.send(receiver_id=ann.user_id)["status"] == "stored"


WRONG_DATA: dict[str, tuple[str, dict[str, Any], str]] = {
    "no target": ("send_message", {"message": "x"}, "invalid"),
    "two targets": ("send_message", {"message": "x", "receiverId": 1, "conversationId": 1}, "invalid"),
    "no text": ("send_message", {"receiverId": 1}, "invalid"),
    "empty text": ("send_message", {"receiverId": 1, "message": ""}, "invalid"),
    "text is a number": ("send_message", {"receiverId": 1, "message": 5}, "invalid"),
    "text is null": ("send_message", {"receiverId": 1, "message": None}, "invalid"),
    "receiver is an empty text": ("send_message", {"receiverId": "", "message": "x"}, "invalid"),
    "receiver is a long text": ("send_message", {"receiverId": "x" * 129, "message": "x"}, "invalid"),
    "receiver is an unknown external id": ("send_message", {"receiverId": "1", "message": "x"}, "not_found"),
    "receiver is a fraction": ("send_message", {"receiverId": 1.5, "message": "x"}, "invalid"),
    "receiver is true": ("send_message", {"receiverId": True, "message": "x"}, "invalid"),
    "receiver below one": ("send_message", {"receiverId": 0, "message": "x"}, "invalid"),
    "receiver past 2^63": ("send_message", {"receiverId": 2**64, "message": "x"}, "invalid"),
    "id is no uuid": ("send_message", {"receiverId": 1, "message": "x", "id": "abc"}, "invalid"),
    "id is a number": ("send_message", {"receiverId": 1, "message": "x", "id": 7}, "invalid"),
    "too long": ("send_message", {"receiverId": 1, "message": "x" * 8001}, "too_large"),
    "NUL": ("send_message", {"receiverId": 1, "message": "a\x00b"}, "invalid"),
    "system kind": ("send_message", {"receiverId": 1, "message": "x", "kind": "system"}, "invalid"),
    "unread limit 0": ("fetch_unread_messages", {"limit": 0}, "invalid"),
    "unread limit text": ("fetch_unread_messages", {"limit": "9"}, "invalid"),
    "read without seq": ("message_read", {"conversationId": 1}, "invalid"),
    "delivered without conversation": ("message_delivered", {"seq": 1}, "invalid"),
    "typing neither way": ("typing", {"conversationId": 1}, "invalid"),
    "typing nowhere": ("typing", {"typing": True}, "invalid"),
    "presence of text": ("presence_subscribe", {"userIds": "1"}, "invalid"),
    "presence of a thousand and one": ("presence_subscribe", {"userIds": list(range(1, 1002))}, "invalid"),
    "join with a wrong ack": ("join", {"ack": "maybe"}, "invalid"),
}


@pytest.mark.parametrize("name", WRONG_DATA)
def test_invalid_data_gets_its_error_with_the_ref(connect: Connect, ann: Account, name: str) -> None:
    event, data, code = WRONG_DATA[name]
    client: WsClient = connect("ws", ann)
    with refused(code) as caught:
        client.command(event, data)
    assert all({"field", "message"} <= set(e) for e in caught.value.data.get("errors", []))
    if code == "invalid":
        assert caught.value.data["errors"]
    client.ping()


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00x", r"\ud800\ud800", r"a\udfff"])
def test_lone_surrogates_are_invalid(connect: Connect, rest: MakeRest, ann: Account, text: str) -> None:
    client: WsClient = connect("ws", ann)
    frame = f'{{"event":"send_message","ref":"s","data":{{"receiverId":{ann.user_id},"message":"{text}"}}}}'
    client.send_text(frame)
    assert nth_error(client, 1)["code"] == "invalid"
    client.ping()
    assert rest(ann).conversations()["conversations"] == []


def test_longest_allowed_message_is_sent(connect: Connect, ann: Account) -> None:
    assert connect("ws", ann).send("x" * 8000, receiver_id=ann.user_id)["status"] == "stored"


def test_unknown_members_are_ignored(connect: Connect, ann: Account) -> None:
    answer = connect("ws", ann).command("send_message", {"receiverId": ann.user_id, "message": "x", "colour": "red"})
    assert answer.data["status"] == "stored"


def test_binary_frame_closes_with_1003_or_gets_an_error(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    assert client.connection is not None
    client.connection.send_binary(b'{"event":"ping","data":{}}')
    client.wait(lambda: True if client.ended or _nth(client, 1) else None, 30, "an error or the end")
    assert client.close_code == 1003 if client.ended else _nth(client, 1)["code"] == "invalid"  # type: ignore[index]


def test_frame_over_64_kib_closes_with_1009(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    client.send_text(json.dumps({"event": "ping", "data": {"x": "y" * 70_000}}))
    assert client.wait_closed() == 1009


def test_ten_bad_frames_in_a_row_close_with_1008(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    for _ in range(10):
        client.send_text("bad")
    assert client.wait_closed() == 1008


def test_good_frame_resets_the_count_of_bad_frames(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    for _ in range(3):
        for _ in range(9):
            client.send_text("bad")
        client.ping()
    assert not client.ended


def test_refused_command_is_not_a_bad_frame(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    for _ in range(12):
        with refused("not_found"):
            client.send(conversation_id=2**40)
    client.ping()


def test_text_that_is_not_utf8_closes_with_1007(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    assert client.connection is not None
    client.connection.send_raw(b"\x81\x84\x00\x00\x00\x00\xff\xfe\xfd\xfc")
    assert client.wait_closed() == 1007


def test_unmasked_frame_closes_with_1002(connect: Connect, ann: Account) -> None:
    client: WsClient = connect("ws", ann)
    assert client.connection is not None
    client.connection.send_raw(b"\x81\x02hi")
    assert client.wait_closed() == 1002


def test_bad_frames_do_not_affect_other_sessions(connect: Connect, ann: Account, ben: Account) -> None:
    bystander, rude = connect("ws", ben), connect("ws", ann)
    for text in list(NOT_FRAMES.values())[:9]:
        rude.send_text(text)
    assert bystander.send(receiver_id=ben.user_id)["status"] == "stored"
