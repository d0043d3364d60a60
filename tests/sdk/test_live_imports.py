"""Both clients against a running server: imports."""

from __future__ import annotations

from typing import Any

from parley_sdk import ParleyServer

from dev.processes import wait_until
from tests.sdk.conftest import NewId, Use
from tests.support.patience import PATIENCE


def finished(use: Use, import_id: str) -> Any:
    state: list[Any] = []

    def ended() -> bool:
        state.append(use(lambda s: s.imports.get(import_id)))
        return state[-1]["status"] in ("done", "failed")

    wait_until(ended, PATIENCE, "the import")
    return state[-1]


def test_an_import_writes_all_its_lines(use: Use, parley: ParleyServer, new_id: NewId):
    ann, order = new_id("user"), new_id("order")
    lines = [
        {"type": "user", "externalId": ann, "displayName": "Ann"},
        {"type": "conversation", "externalId": order, "kind": "group", "name": "Order", "members": [ann]},
        {
            "type": "message",
            "conversation": order,
            "sender": ann,
            "message": "Grüße",
            "sentAt": "2024-01-01T00:00:00.000Z",
        },
    ]
    state = finished(use, use(lambda s: s.imports.start(lines))["importId"])
    assert (state["status"], state["done"], state["errors"]) == ("done", 3, [])
    last = parley.conversations.messages(order)["messages"][-1]
    assert (last["message"], last["sentAt"]) == ("Grüße", "2024-01-01T00:00:00.000Z")


def test_a_wrong_line_is_named_and_nothing_is_written(use: Use, new_id: NewId):
    state = finished(use, use(lambda s: s.imports.start(b'{"type": "user", "externalId": ""}\n'))["importId"])
    assert (state["status"], state["done"], [error["line"] for error in state["errors"]]) == ("failed", 0, [1])
