"""A writer of streams, and checks of streams that the contract tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.support.clients import Account, EventClient, RestClient


class Writer:
    """Writes a stream by commands or over REST."""

    def __init__(self, client: Any, conversation_id: int, **more: Any) -> None:
        self.client = client
        self.over_rest = isinstance(client, RestClient)
        data = {"conversationId": conversation_id, **more}
        self.started = (
            client.json("POST", "/streams", json=data) if self.over_rest else client.command("start_stream", data).data
        )
        self.id = self.started["id"]
        self.text = ""

    def append(self, text: str, start: int | None = None) -> Any:
        data = {"from": len(self.text) if start is None else start, "text": text}
        if self.over_rest:
            answer = self.client.request("POST", f"/streams/{self.id}/append", json=data)
        else:
            answer = self.client.command("append_stream", {"id": self.id, **data}).data
        self.text = self.text[: data["from"]] + text
        return answer

    def end(self, **more: Any) -> dict[str, Any]:
        if self.over_rest:
            return dict(self.client.json("POST", f"/streams/{self.id}/end", json=more))
        return dict(self.client.command("end_stream", {"id": self.id, **more}).data)


@pytest.fixture(params=["ws", "rest"])
def by(request: pytest.FixtureRequest, connect: Connect, rest: MakeRest) -> Callable[[Account], Any]:
    return (lambda who: connect("ws", who)) if request.param == "ws" else rest


def ended(id_: str) -> Callable[[Any], bool]:
    return lambda e: e.name == "message_updated" and e.data["id"] == id_ and "streaming" not in e.data


def appended(id_: str, start: int) -> Callable[[Any], bool]:
    return lambda e: e.name == "message_append" and e.data["id"] == id_ and e.data["from"] == start


def grown(reader: EventClient, id_: str, again: Callable[[], str] | None = None) -> str:
    """Returns the text as a client sees it: the message as read, and the appends that follow. ``again`` reads the
    message, for a client that may have missed some.
    """
    text = None
    for event in reader.events:
        if event.data.get("id") != id_:
            continue
        if event.name in ("receive_message", "message_updated"):
            text = event.data["message"]
        elif event.name == "message_append" and text is not None:
            start = event.data["from"]
            if start > len(text) and again is not None:
                text = again()
            assert start <= len(text), f"a gap: {start} > {len(text)}"
            text = text[:start] + event.data["text"] if start + len(event.data["text"]) > len(text) else text
    return text or ""


def stop(client: RestClient, id_: str) -> dict[str, Any]:
    return client.json("POST", f"/messages/{id_}/stop")
