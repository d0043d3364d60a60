"""Ids and words with a newline at their end are refused before anything is sent, over both kinds of command."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import refused
from tests.support.clients import Account, WsClient


@pytest.mark.parametrize("field", ["id", "kind", "replyTo"])
def test_message_is_refused(connect: Connect, rest: MakeRest, made: int, ann: Account, field: str) -> None:
    value = "order" if field == "kind" else str(uuid.uuid4())
    message: dict[str, Any] = {"conversationId": made, "message": "hello", field: f"{value}\n"}
    client = connect("ws", ann)
    assert isinstance(client, WsClient)
    with refused("invalid"):
        client.command("send_message", message)
    with refused("invalid"):
        rest(ann).json("POST", "/messages", json=message)
    shown = rest(ann).json("GET", f"/conversations/{made}/messages")["messages"]
    assert [one["kind"] for one in shown] == ["system"]


@pytest.mark.parametrize(
    ("command", "more"),
    [("edit_message", {"message": "x"}), ("delete_message", {}), ("react", {"emoji": "👍", "on": True})],
)
def test_change_is_refused(connect: Connect, made: int, ann: Account, command: str, more: dict[str, Any]) -> None:
    client = connect("ws", ann)
    assert isinstance(client, WsClient)
    sent = client.command("send_message", {"conversationId": made, "message": "hello"}).data
    with refused("invalid"):
        client.command(command, {"id": sent["id"] + "\n", **more})
