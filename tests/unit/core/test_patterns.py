"""No field with a pattern takes a newline at its end, and the documents write patterns as JSON Schema does."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from app.api.documents.asyncapi import asyncapi
from app.api.documents.openapi import openapi
from app.api.parsing import decode_json, parse_query
from app.core.account_mails import Email
from app.core.accounts import ProfilePatch, Register
from app.core.commands import EditMessage, EndStream, React, SendEvent, SendMessage, StartStream
from app.core.errors import Invalid
from app.core.push import ClockTime, Token

ID = str(uuid.uuid4())
TEXT = {"conversationId": 1, "message": "x"}


@pytest.mark.parametrize(
    ("kind", "good", "field"),
    [
        (SendMessage, TEXT | {"id": ID}, "id"),
        (SendMessage, TEXT | {"kind": "order"}, "kind"),
        (SendMessage, TEXT | {"replyTo": ID}, "replyTo"),
        (StartStream, {"conversationId": 1, "id": ID}, "id"),
        (EndStream, {"id": ID}, "id"),
        (EditMessage, {"id": ID, "message": "x"}, "id"),
        (React, {"id": ID, "emoji": "👍", "on": True}, "emoji"),
        (SendEvent, {"conversationId": 1, "type": "wave"}, "type"),
        (Register, {"username": "zoe", "password": "long enough"}, "username"),
        (ProfilePatch, {"avatarUrl": "https://x.example/a"}, "avatarUrl"),
        (dict[str, Email], {"a": "zoe@x.example"}, "a"),
        (dict[str, Token], {"a": "x" * 20}, "a"),
        (dict[str, ClockTime], {"a": "22:00"}, "a"),
    ],
)
def test_newline_at_the_end_is_invalid(kind: Any, good: dict[str, Any], field: str) -> None:
    decode_json(json.dumps(good).encode(), kind)
    with pytest.raises(Invalid, match="must match"):
        decode_json(json.dumps(good | {field: good[field] + "\n"}).encode(), kind)


def test_refused_pattern_is_named_as_outside_python() -> None:
    with pytest.raises(Invalid, match=re.escape("type: must match ^[a-z][a-z0-9_]{0,31}$")):
        parse_query(SendEvent, {"conversationId": "1", "type": "Wave"})


@pytest.mark.parametrize("document", [openapi(), asyncapi()], ids=["openapi", "asyncapi"])
def test_documents_have_no_pattern_of_python_only(document: dict[str, Any]) -> None:
    assert r"\\Z" not in json.dumps(document)
