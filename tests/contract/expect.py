"""Checks that the contract tests share."""

from __future__ import annotations

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
