"""The tasks that other processes enqueue, as the broker gets them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app import task_queue


def test_drain_of_the_first_shard_is_woken_as_by_the_previous_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of the previous release have no shards. The number of every other shard is an argument."""
    sent: list[tuple[str, Any]] = []
    client = SimpleNamespace(send_task=lambda task, arguments, **_: sent.append((task, arguments)))
    monkeypatch.setattr(task_queue, "celery", lambda: client)
    task_queue.wake_drain()
    task_queue.wake_drain(3)
    assert sent == [(task_queue.DRAIN, ()), (task_queue.DRAIN, (3,))]
