"""Checks that the contract tests share."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dev.processes import wait_until
from tests.support.clients import Account, EventClient, Refused, RestClient
from tests.support.patience import PATIENCE

RFC3339_MS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """Expects the block to be refused with this code."""
    with pytest.raises(Refused) as caught:
        yield caught
    assert caught.value.code == code, caught.value


def is_time(value: str) -> bool:
    return RFC3339_MS.fullmatch(value) is not None


def eventually(check: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
    """Calls ``check`` until its answer is truthy and returns the answer."""
    return wait_until(check, timeout, what, every=0.05)


def seqs(client: EventClient, conversation_id: int) -> list[int]:
    return [message["seq"] for message in client.messages(conversation_id)]


def wait_for_seq(client: EventClient, conversation_id: int, seq: int, timeout: float = PATIENCE) -> None:
    client.wait(lambda: True if seq in seqs(client, conversation_id) else None, timeout, f"seq {seq}")


def listed(rest: RestClient, conversation_id: int) -> dict[str, Any]:
    """Returns the conversation as the user's list of conversations shows it."""
    conversations: list[dict[str, Any]] = rest.json("GET", "/conversations")["conversations"]
    return next(shown for shown in conversations if shown["id"] == conversation_id)


def exported(rest: RestClient) -> list[dict[str, Any]]:
    """Exports the user's own data and returns the lines of its file."""
    return finished_export(rest)[1]


def finished_export(rest: RestClient) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Exports the user's own data. Returns the export, once it is ready, and the lines of its file."""
    path = f"/me/exports/{rest.json('POST', '/me/export')['exportId']}"
    done = eventually(lambda: _ready(rest.json("GET", path)), "the export to be ready", 30)
    file = rest.request("GET", f"{path}/file")
    assert file.headers["content-type"] == "application/x-ndjson"
    assert "attachment" in file.headers["content-disposition"]
    assert int(file.headers["content-length"]) == len(file.content)
    return done, [json.loads(line) for line in file.text.splitlines()]


def _ready(view: dict[str, Any]) -> dict[str, Any] | None:
    assert view["status"] != "failed"
    return view if view["status"] == "ready" else None


def send_many(sender: RestClient, receiver: Account, count: int) -> int:
    """Sends m1, m2, … one after another and returns their conversation."""
    acks = [_send_until_stored(sender, receiver, f"m{i + 1}") for i in range(count)]
    return int(acks[0]["conversationId"])


def _send_until_stored(sender: RestClient, receiver: Account, message: str) -> dict[str, Any]:
    """Sends until the message is stored: on a loaded machine REST may answer "accepted" first."""
    id_ = str(uuid.uuid4())

    def send() -> dict[str, Any] | None:
        ack = sender.send(receiver_id=receiver.user_id, message=message, id=id_)
        return ack if ack["status"] == "stored" else None

    acked: dict[str, Any] = eventually(send, "a stored message", 30)
    return acked


def uuid7(age_seconds: float = 0) -> str:
    """Returns a version 7 id that is ``age_seconds`` old."""
    millis = int((time.time() - age_seconds) * 1000)
    return str(uuid.UUID(int=(millis << 80) | (0x7 << 76) | (2 << 62) | (uuid.uuid4().int & ((1 << 62) - 1))))


def elapsed(since: float) -> float:
    return time.monotonic() - since
