"""Fields that the type of a request does not have are found, named and left out, however deep they are."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from app.core.command_kinds import COMMANDS
from app.core.commands import Command, SendMessage
from app.core.errors import Invalid
from app.core.events import answer_frame
from app.core.frames import decode_command, decode_frame, without_unknown_fields
from app.core.groups import NewDirect, NewGroup
from app.core.unknown_fields import NotedRef, decode_noting, is_strict, refusal_of, take_unknown

ID = "0190b3c4-1234-7abc-8def-0123456789ab"
FULL: dict[str, Any] = {
    "message": "hello",
    "id": ID,
    "conversationId": 7,
    "attachments": [{"mediaId": ID}, {"mediaId": ID}],
    "forward": {"id": ID},
    "metadata": {"any": {"thing": [1]}},
}


class Inner(Struct):
    some: int = 0


class Body(Struct, rename="camel"):
    """A body of REST, which does not forbid unknown fields."""

    one_inner: Inner | None = None
    many: list[Inner] | None = None
    names: list[str] = []


def frame(data: Any, **more: Any) -> bytes:
    return json.dumps({"event": "send_message", "data": data, "ref": "r", **more}).encode()


def test_commands_are_decoded_once_unless_a_field_is_unknown() -> None:
    assert all(is_strict(row.data) for row in COMMANDS.values())
    assert all(is_strict(kind) for kind in Command.__subclasses__())
    value, names = decode_noting(json.dumps(FULL).encode(), SendMessage, "body")
    assert (value.message, names) == ("hello", ())


def test_unknown_fields_are_named_with_their_place() -> None:
    sent = {**FULL, "colour": "red", "forward": {"id": ID, "deep": [{}]}}
    sent["attachments"] = [{"mediaId": ID}, {"mediaId": ID, "caption": "x"}]
    value, names = decode_noting(json.dumps(sent).encode(), SendMessage, "body")
    assert sorted(names) == ["attachments[1].caption", "colour", "forward.deep"]
    assert msgspec.to_builtins(value.metadata) == {"any": {"thing": [1]}}
    assert value == msgspec.convert(FULL, SendMessage)


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ({"kind": "direct", "userId": 1, "name": "x"}, ["name"]),
        ({"kind": "group", "name": "x", "userId": 1, "memberIds": [2]}, ["userId"]),
        ({"kind": "group", "name": "x"}, []),
    ],
)
def test_fields_of_the_other_kind_are_unknown(sent: dict[str, Any], names: list[str]) -> None:
    value, found = decode_noting(json.dumps(sent).encode(), NewDirect | NewGroup, "body")  # type: ignore[arg-type]
    assert (type(value), list(found)) == (NewDirect if sent["kind"] == "direct" else NewGroup, names)


def test_bodies_that_do_not_forbid_unknown_fields_name_them_too() -> None:
    sent = {"oneInner": {"some": 1, "a": 1}, "many": [{}, {"b": 2}], "names": ["x"], "oneinner": {}}
    value, names = decode_noting(json.dumps(sent).encode(), Body, "body")
    assert sorted(names) == ["many[1].b", "oneInner.a", "oneinner"]
    assert value == Body(Inner(1), [Inner(), Inner()], ["x"])


def test_frame_without_its_unknown_fields_is_the_command() -> None:
    raw = frame({**FULL, "colour": "red"}, sentFrom="here")
    with pytest.raises(Invalid):
        decode_frame(raw)
    with pytest.raises(Invalid):
        decode_command(decode_frame(frame({**FULL, "colour": "red"})))
    known, names = without_unknown_fields(raw)
    assert sorted(names) == ["colour", "sentFrom"]
    assert decode_command(decode_frame(known)) == msgspec.convert(FULL, SendMessage)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"event":"ping","data":{},"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"event":"ping","data":{},"x":1e999}',
        b'{"event":["ping"],"data":{},"x":1}',
        b'{"data":7,"x":1}',
        b'{"event":"send_message","data":[],"x":1}',
        b'{"event":"unheard","data":{"y":1},"x":1}',
    ],
)
def test_bad_frame_with_unknown_fields_is_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid):
        decode_command(decode_frame(without_unknown_fields(raw)[0]))


def test_answer_names_what_was_ignored() -> None:
    shown = json.loads(answer_frame("ack", {"id": "i"}, NotedRef("r1", ["a", "b.c"]))[2:])
    assert shown == {"event": "ack", "data": {"id": "i", "ignored": ["a", "b.c"]}, "ref": "r1"}
    shown = json.loads(answer_frame("pong", {}, NotedRef(None, ["a"]))[2:])
    assert shown == {"event": "pong", "data": {"ignored": ["a"]}}


def test_refusal_names_every_field() -> None:
    assert [error["field"] for error in refusal_of(["a", "b[1].c"]).as_data()["errors"]] == ["a", "b[1].c"]


FIELDS = st.text(min_size=1, max_size=6).filter(lambda name: name not in FULL)
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=3), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@given(st.dictionaries(FIELDS, VALUES, max_size=4))
def test_any_unknown_fields_are_all_named_and_change_nothing(more: dict[str, Any]) -> None:
    known = {"senderId", "receiverId", "kind", "replyTo"}
    more = {name: value for name, value in more.items() if name not in known}
    value, names = decode_noting(json.dumps({**more, **FULL, **more}).encode(), SendMessage, "body")
    assert sorted(names) == sorted(more)
    assert value == msgspec.convert(FULL, SendMessage)
    plain = {**FULL, **more}
    assert sorted(take_unknown(plain, SendMessage)) == sorted(more)
    assert plain == FULL
