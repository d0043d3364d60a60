"""Media occupy at most half of a worker's processes, and a process that dies gives its slot back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks.media_slots import media_slot, slots


@contextmanager
def process_with_a_slot() -> Iterator[tuple[int, bool]]:
    """A forked process that takes a slot and keeps it until it is killed. Passes its id, and whether it got one."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with media_slot(1) as is_free:
            os.write(writer, b"1" if is_free else b"0")
            signal.pause()
    try:
        yield pid, os.read(reader, 1) == b"1"
    finally:
        os.close(reader)
        os.close(writer)
        kill(pid)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def is_free() -> bool:
    with media_slot(1) as free:
        return free


def test_half_of_the_processes_may_work_on_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "4")
    with process_with_a_slot() as (_, first), process_with_a_slot() as (second_pid, second):
        assert (first, second) == (True, True)
        assert not is_free()
        kill(second_pid)
        assert is_free(), "the kernel gave it back"
    assert is_free()


@pytest.mark.parametrize(
    ("processes", "queues", "expected"),
    [("", "", 2), ("1", "", 1), ("2", "", 1), ("8", "", 4), ("8", "media", 8), ("8", "media,push", 4)],
)
def test_number_of_slots(monkeypatch: pytest.MonkeyPatch, processes: str, queues: str, expected: int) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", processes)
    monkeypatch.setenv("WORKER_QUEUES", queues)
    assert slots(1) == expected


def test_media_leave_a_process_for_the_drain_of_each_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKER_CONCURRENCY", raising=False)
    assert slots(4) == 2
