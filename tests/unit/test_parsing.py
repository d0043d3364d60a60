"""Request bodies: parsing gives the struct or an error that names the field, for any input."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from app.api.parsing import decode_json, parse_query
from app.core.accounts import LogIn, ProfilePatch, Register
from app.core.commands import SendMessage
from app.core.errors import Invalid


class Inner(Struct, rename="camel"):
    some_text: str


class Outer(Struct, rename="camel"):
    number: int
    inner_one: Inner | None = None
    inner_list: list[Inner] = []
    texts: dict[str, str] = {}


GOOD: dict[str, Any] = {"number": 1}


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("body", b""),
        ("body", b"{"),
        ("body", b"[]"),
        ("body", b"null"),
        ("body", b'{"number": 1} x'),
        ("body", b'{"number": NaN}'),
        ("body", b"\xff\xfe{}"),
        ("body", b'{"number": 1, "texts": {"a": "\xff"}}'),
        ("body", b'{"number": 1, "texts": {"a": "\\ud800"}}'),
        ("body", b'{"number": 1, "texts": {"a": "\\udc00\\ud800"}}'),
        ("body", b'{"number": 1, "texts": {"a": "\xed\xa0\x80"}}'),
        ("body", b'{"number": 1, "texts": {"a": "\x00"}}'),
        ("body", b'{"number": 1, "unknown": ' + b"[" * 100_000),
        ("body", b'{"number": 1, "unknown": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        ("number", b"{}"),
        ("number", b'{"number": "1"}'),
        ("number", b'{"number": 1.5}'),
        ("number", b'{"number": true}'),
        ("number", b'{"number": 1e999}'),
        ("innerOne.someText", b'{"number": 1, "innerOne": {}}'),
        ("innerOne.someText", b'{"number": 1, "innerOne": {"someText": 5}}'),
        ("innerOne.someText", b'{"number": 1, "innerOne": {"someText": "a\\u0000b"}}'),
        ("innerList[1].someText", b'{"number": 1, "innerList": [{"someText": "a"}, {"someText": null}]}'),
        (
            "innerList[1].someText",
            b'{"number": 1, "innerList": [{"someText": "a"}, {"someText": "\\u0000"}]}',
        ),
        ("texts", b'{"number": 1, "texts": {"a\\u0000": "b"}}'),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:40]),
)
def test_error_names_the_field(field: str, raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(raw, Outer)
    (error,) = caught.value.extra["errors"]
    assert error["field"] == field
    assert error["message"]
    assert "$" not in error["message"]


def test_unknown_members_are_ignored_and_names_are_camel_case() -> None:
    value = decode_json(b'{"number": 2, "new": {"deep": [1]}, "innerOne": {"someText": "\\\\u0000"}}', Outer)
    assert value == Outer(number=2, inner_one=Inner("\\u0000"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["username", "password", "displayName", "avatarUrl", "message", "receiverId", "id"])
bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(names, json_values).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(names, json_values).map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )
)
KINDS = [Register, LogIn, ProfilePatch, SendMessage, Outer]


@given(raw=bodies, kind=st.sampled_from(KINDS))
def test_any_body_gives_the_struct_or_invalid(raw: bytes, kind: type[Any]) -> None:
    value = result_or_invalid(lambda: decode_json(raw, kind))
    if isinstance(value, Invalid):
        assert value.extra["errors"]
        json.dumps(value.as_problem())
    else:
        assert isinstance(value, kind)
        assert "\0" not in str(msgspec.to_builtins(value))
        msgspec.json.encode(value)


def result_or_invalid(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except Invalid as error:
        return error


@given(st.text())
def test_any_query_gives_the_struct_or_invalid(text: str) -> None:
    class Query(Struct):
        q: Annotated[str, Meta(min_length=1, max_length=5)]
        limit: int = 3

    with Flask(__name__).test_request_context("/", query_string={"q": text, "limit": text}):
        query = result_or_invalid(lambda: parse_query(Query))
    if isinstance(query, Invalid):
        assert query.extra["errors"][0]["field"] in {"q", "limit"}
    else:
        assert 1 <= len(query.q) <= 5
