"""The SDK has every operation of the server API, and its requests follow the server's own document."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from parley_sdk.calls import Operation, SyncCaller
from parley_sdk.server.conversations import Conversations
from parley_sdk.server.imports import Imports
from parley_sdk.server.messages import Messages
from parley_sdk.server.streams import Streams
from parley_sdk.server.users import Users
from parley_sdk.server.webhooks import Events, Webhooks

from app.api.documents.openapi import openapi
from tests.support.documents import strict

BASE = "/api/v1/server"
GROUPS = (Users, Conversations, Messages, Streams, Webhooks, Events, Imports)
DOCUMENT = strict(openapi())
ID = "018f4e2a-0000-7000-8000-000000000001"
TIME = "2026-12-01T00:00:00.000Z"
DATA = {"order": 17}

# A call of each operation with all its arguments.
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "Users.put": (
        ("4711",),
        {
            "display_name": "Ann",
            "username": "ann",
            "avatar_url": "https://a.example/1.png",
            "email": "a@b.example",
            "locale": "de",
            "metadata": DATA,
        },
    ),
    "Users.put_many": (([{"externalId": "4711", "displayName": "Ann"}],), {}),
    "Users.get": (("4711",), {}),
    "Users.delete": (("4711",), {"messages": "erase"}),
    "Users.issue_tokens": (("4711",), {"expires_in": 60, "refresh": True}),
    "Users.end_sessions": (("4711",), {}),
    "Users.suspend": (("4711",), {"until": TIME, "reason": "spam", "shadow": True}),
    "Users.unsuspend": (("4711",), {}),
    "Conversations.put": (
        ("order-1",),
        {
            "kind": "group",
            "name": "Order 1",
            "members": ["4711", 7, {"user": "4712", "role": "admin"}],
            "metadata": DATA,
            "avatar_url": "https://a.example/1.png",
            "description": "About order 1",
            "history": "all",
            "read_only": True,
        },
    ),
    "Conversations.get": (("order-1",), {}),
    "Conversations.change": (
        ("order-1",),
        {
            "kind": "group",
            "name": "Order 1",
            "members": ["4711"],
            "metadata": DATA,
            "avatar_url": "https://a.example/1.png",
            "description": "About order 1",
            "history": "all",
            "read_only": True,
        },
    ),
    "Conversations.delete": (("order-1",), {}),
    "Conversations.add_members": (("order-1", ["4711", {"user": "4712", "role": "admin"}]), {}),
    "Conversations.remove_member": (("order-1", "4711"), {}),
    "Conversations.messages": (("order-1",), {"before": 10, "after": 1, "limit": 50}),
    "Messages.send": (
        ("Hello",),
        {
            "conversation": "order-1",
            "recipient": "4712",
            "sender": "4711",
            "id": ID,
            "kind": "text",
            "metadata": DATA,
            "attachments": [{"mediaId": ID}],
            "reply_to": ID,
            "silent": True,
        },
    ),
    "Messages.send_many": (([{"conversation": "order-1", "message": "Hello"}],), {}),
    "Messages.edit": ((ID,), {"message": "Hello", "metadata": DATA, "conversation": "order-1"}),
    "Messages.delete": ((ID,), {"conversation": "order-1"}),
    "Streams.start": (("order-1", "4711"), {"id": ID, "kind": "text", "reply_to": ID, "metadata": DATA}),
    "Streams.append": ((ID, 0, "Hel"), {}),
    "Streams.end": ((ID,), {"message": "Hello"}),
    "Webhooks.create": (
        ("https://shop.example/parley/webhook",),
        {"types": ["message.created"], "description": "Shop"},
    ),
    "Webhooks.list": ((), {}),
    "Webhooks.change": (
        (1,),
        {"url": "https://shop.example/hook", "types": ["message.created"], "description": "Shop", "state": "off"},
    ),
    "Webhooks.delete": ((1,), {}),
    "Webhooks.deliveries": ((1,), {"state": "failed", "cursor": "c", "limit": 10}),
    "Webhooks.replay": ((1, "evt_1"), {}),
    "Events.poll": (("evt_1",), {"wait": 5, "types": ["message.created"], "limit": 10}),
    "Imports.start": (([{"type": "user", "externalId": "4711"}],), {}),
    "Imports.get": ((ID,), {}),
}


def operations() -> Iterator[tuple[str, Operation[..., Any], type[SyncCaller]]]:
    for group in GROUPS:
        for name, found in inspect.getmembers(group, lambda member: isinstance(member, Operation)):
            yield f"{group.__name__}.{name}", found, group


NAMES = [name for name, _, _ in operations()]


def shape(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def documented() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), shape(path.removeprefix(BASE))): described
        for path, methods in DOCUMENT["paths"].items()
        if path.startswith(BASE)
        for method, described in methods.items()
    }


def call(name: str) -> Any:
    """Returns the request of the operation's sample call."""
    _, found, group = next(item for item in operations() if item[0] == name)
    args, options = CALLS[name]
    sent: list[Any] = []
    bound = found.__get__(group(sent.append), group)
    required = inspect.signature(found.build).parameters
    assert set(options) == {n for n, p in required.items() if p.kind is p.KEYWORD_ONLY}, "the sample lacks an argument"
    bound(*args, **options)
    return sent[0]


def test_every_operation_has_a_sample():
    assert set(CALLS) == set(NAMES)


def test_sdk_has_exactly_the_operations_of_the_document():
    ours = {(found.method, shape(found.path)): name for name, found, _ in operations()}
    theirs = documented()
    assert set(theirs) - set(ours) == set(), "the SDK lacks these"
    assert [ours[key] for key in set(ours) - set(theirs)] == [], "the document lacks these"


@pytest.mark.parametrize("name", NAMES)
def test_request_follows_the_document(name: str):
    request = call(name)
    _, found, _ = next(item for item in operations() if item[0] == name)
    described = documented()[found.method, shape(found.path)]
    queries = {p["name"] for p in described.get("parameters", ()) if p["in"] == "query"}
    assert set(request.query) == queries
    body = described.get("requestBody")
    assert (request.content is not None) == (body is not None)
    if body is not None:
        check_body(body["content"][request.content_type]["schema"], request)


def check_body(schema: dict[str, Any], request: Any) -> None:
    if request.content_type != "application/json":
        return
    sent = json.loads(request.content)
    known = properties(schema)
    assert set(sent) - known == set(), "the document lacks these fields"
    assert known - set(sent) == set(), "the SDK lacks these fields"
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(sent)


def properties(schema: dict[str, Any]) -> set[str]:
    """Returns the fields of an object, over all its forms."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    forms = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return set(schema.get("properties", ())).union(*(properties(form) for form in forms))
