"""Processing a medium ends in one state after any failure, and leaves no staged byte behind."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.core.kinds import Kind
from app.media.image_info import UnreadableError
from app.media.inspect import Inspected
from app.media.inspect_in_subprocess import CrashedError
from app.media.storage import StorageError
from app.message_log.shards import Shards
from app.services.media import naming_message, process_media
from app.services.media.media_stats import MediaStats
from app.services.media.process_media import MAX_TRIES, MediaWork
from app.store.media import Found
from tests.twins.memory_media import MemoryMedia
from tests.twins.memory_redis import MemoryRedis
from tests.twins.memory_storage import MemoryStorage
from tests.twins.memory_store import MemoryEngine

LEASE_SECONDS = 60
NAMED_BY = 3  # the seq of the message that names the medium
SETTINGS: Any = SimpleNamespace(media_lease_seconds=LEASE_SECONDS, max_image_pixels=1000)


class Changes:
    """Keeps the changes that a worker sends to the log."""

    def __init__(self) -> None:
        self.shards = Shards([MemoryRedis()])  # type: ignore[list-item]
        self.stages: list[str] = []
        self.down = False

    def carry_out(self, operations: list[Any]) -> list[int]:
        if self.down:
            raise ConnectionError
        assert [(operation.kind, operation.what) for operation in operations] == [(Kind.PROGRESS, [NAMED_BY])]
        self.stages += [operation.body for operation in operations]
        return [0]


class World:
    """``faults`` are raised by the next inspections."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.media = MemoryMedia()
        self.media.replace(patch)
        self.storage = MemoryStorage()
        self.engine: Any = MemoryEngine()
        self.changes = Changes()
        self.stats = MediaStats()
        self.stopping = False
        self.while_inspecting: Callable[[], object] = lambda: None
        self.after_alive: Callable[[], object] = lambda: None
        self.faults: list[Exception] = []
        self.enqueued: list[tuple[str, float]] = []
        self.discarded: list[str] = []
        self.announced: list[str] = []
        patch.setattr(naming_message.media_uses, "last_use", lambda *_: NAMED_BY)
        patch.setattr(process_media, "READ_PAUSE", 0.0)
        patch.setattr(process_media, "inspect_in_subprocess", self._inspect)
        patch.setattr(process_media, "enqueue_processing", self._enqueue)
        patch.setattr(process_media, "enqueue_discard", self.discarded.append)
        patch.setattr(process_media, "announce", lambda _engine, _changes, media_id: self.announced.append(media_id))

    def _inspect(
        self, path: Path, content_type: str, kind: Any, *, max_pixels: int, alive: Callable[[], None]
    ) -> Inspected:
        self.while_inspecting()
        alive()
        self.after_alive()
        if self.faults:
            raise self.faults.pop(0)
        return Inspected(content_type, kind, path.stat().st_size, False)

    def _enqueue(self, media_id: str, *, seconds: float) -> None:
        self.enqueued.append((media_id, seconds))

    def upload(self, *pieces: bytes) -> str:
        id_ = str(uuid.uuid4())
        self.media.begin(None, id_, 1, None, "memory", 100)
        for n, piece in enumerate(pieces):
            assert self.media.add_chunk(None, id_, n, piece)
        size = sum(map(len, pieces))
        assert self.media.finish_upload(None, id_, 7, Found("file", "text/plain", size), "a.txt")
        return id_

    def work(self) -> MediaWork:
        storages: Any = SimpleNamespace(get=lambda name: self.storage if name == "memory" else None)
        changes: Any = self.changes
        return MediaWork(
            engine=self.engine,
            storages=storages,
            settings=SETTINGS,
            changes=changes,
            stopping=lambda: self.stopping,
            stats=self.stats,
        )

    def state(self, id_: str) -> str:
        return str(self.media.rows[id_].values["state"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_medium_is_stored_whole_announced_once_and_its_pieces_are_gone(world: World) -> None:
    id_ = world.upload(b"some ", b"text")
    world.work().run(id_)
    assert world.storage.assets == {id_: b"some text"}
    assert (world.state(id_), world.media.rows[id_].chunks) == ("ready", {})
    assert world.announced == [id_]
    assert ['"stage":"processing"' in body for body in world.changes.stages] == [True, False]
    assert world.stats.ended == {"file:ready": 1}
    world.work().run(id_)
    assert world.announced == [id_], "nothing is left to do"


def test_second_worker_leaves_a_leased_medium_alone(world: World) -> None:
    id_ = world.upload(b"text")
    assert world.media.claim(None, id_, lease_seconds=LEASE_SECONDS)
    world.work().run(id_)
    assert (world.state(id_), world.storage.assets) == ("processing", {})
    world.media.skip(LEASE_SECONDS + 1)
    world.work().run(id_)
    assert world.state(id_) == "ready"


FAULTS = {
    "crash": lambda world: world.faults.append(CrashedError("killed")),
    "storage": lambda world: world.storage.failures.append(StorageError("busy", 2.0)),
    "disk": lambda world: world.storage.failures.append(OSError(28, "No space left on device")),
    "unreadable": lambda world: world.faults.append(UnreadableError("unreadable")),
    "rejected": lambda world: world.storage.failures.append(StorageError("no", None)),
}
FINAL = {"unreadable": "unreadable", "rejected": "rejected"}


@given(plan=st.lists(st.sampled_from(sorted(FAULTS)), max_size=8))
@settings(max_examples=50, deadline=None)
def test_processing_always_ends_and_announces_its_end_once(plan: list[str]) -> None:
    """Each fault of the plan happens in one try. The retries are run when they are due."""
    with pytest.MonkeyPatch.context() as patch:
        world = World(patch)
        id_ = world.upload(b"some ", b"text")
        tries = 0
        while world.state(id_) == "processing":
            if tries < len(plan):
                FAULTS[plan[tries]](world)
            world.work().run(id_)
            world.media.skip(process_media.MAX_PAUSE + 1)
            tries += 1
            assert tries <= len(plan) + 1, "the try without a fault ends it"
        check_end(world, id_, plan[:tries])


def check_end(world: World, id_: str, faults: list[str]) -> None:
    crashes = longest_run(faults, "crash")
    final = next((FINAL[fault] for fault in faults if fault in FINAL), None)
    assert world.announced == [id_]
    assert world.media.rows[id_].chunks == {}
    code = world.media.rows[id_].values["code"]
    if code is None:
        assert (world.state(id_), world.storage.assets) == ("ready", {id_: b"some text"})
        assert final is None
        assert crashes < MAX_TRIES + 1
    else:
        assert world.state(id_) == "failed"
        assert code == ("unprocessable" if crashes >= MAX_TRIES else final)
    for fault in ("crash", "storage", "disk"):
        assert world.stats.retries[fault] <= faults.count(fault)


def longest_run(faults: list[str], wanted: str) -> int:
    longest = run = 0
    for fault in faults:
        run = run + 1 if fault == wanted else 0
        longest = max(longest, run)
    return longest


def test_retry_comes_after_the_pause_that_the_storage_names(world: World) -> None:
    id_ = world.upload(b"text")
    world.storage.failures = [StorageError("busy", 30.0)]
    world.work().run(id_)
    [(enqueued, seconds)] = world.enqueued
    assert enqueued == id_
    assert seconds >= 30.0
    world.storage.failures = [StorageError("closed", 3600.0)]
    world.media.skip(31)
    world.work().run(id_)
    assert len(world.enqueued) == 1, "the sweep enqueues a medium that is due much later"


def test_medium_that_could_not_be_stored_for_hours_fails(world: World) -> None:
    id_ = world.upload(b"text")
    world.media.rows[id_].values["age_seconds"] = process_media.GIVE_UP_SECONDS + 1.0
    world.storage.failures = [StorageError("busy", 2.0)]
    world.work().run(id_)
    assert (world.state(id_), world.media.rows[id_].values["code"]) == ("failed", "unavailable")
    assert world.announced == [id_]


def test_stopping_worker_hands_the_medium_on_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = world.upload(b"text")
    world.stopping = True
    world.work().run(id_)
    assert world.state(id_) == "processing"
    [(_, seconds)] = world.enqueued
    assert seconds < 1.0
    world.stopping = False
    world.work().run(id_)
    assert (world.state(id_), world.media.rows[id_].values["failures"]) == ("ready", 0)


@pytest.mark.parametrize("when", ["before the pieces are read", "while it is inspected", "while it is stored"])
def test_medium_deleted_during_processing_is_discarded(
    world: World, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = world.upload(b"some ", b"text")

    def delete(*_: Any, **__: Any) -> None:
        world.media.begin_deletion(None, [id_])

    if when == "before the pieces are read":
        world.changes.carry_out = lambda _operations: delete() or [0]  # type: ignore[method-assign,func-returns-value]
    elif when == "while it is inspected":
        monkeypatch.setattr(
            process_media,
            "inspect_in_subprocess",
            lambda *_, **__: delete() or Inspected("text/plain", "file", 9, False),
        )
    else:
        put = world.storage.put
        world.storage.put = lambda *args, **options: delete() or put(*args, **options)  # type: ignore[method-assign]
    world.work().run(id_)
    assert world.state(id_) == "deleting"
    assert world.discarded == [id_]
    assert world.announced == []


def test_lease_is_renewed_while_the_file_is_inspected(world: World) -> None:
    id_ = world.upload(b"text")
    row = world.media.rows[id_]
    found: list[float | None] = []

    def expire() -> None:
        row.lease_until = 0.0

    world.while_inspecting = expire
    world.after_alive = lambda: found.append(row.lease_until)
    world.work().run(id_)
    assert found[0] is not None
    assert found[0] > world.media.now()


def test_stopping_worker_gives_up_an_inspection(world: World) -> None:
    id_ = world.upload(b"text")

    def stop() -> None:
        world.stopping = True

    world.while_inspecting = stop
    world.work().run(id_)
    assert world.state(id_) == "processing"
    assert world.enqueued[-1][0] == id_


def test_progress_that_cannot_be_published_does_not_stop_the_processing(world: World) -> None:
    world.changes.down = True
    id_ = world.upload(b"text")
    world.work().run(id_)
    assert world.state(id_) == "ready"


def test_lease_is_renewed_while_a_large_file_is_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic()
    monkeypatch.setattr(
        process_media, "time", SimpleNamespace(monotonic=lambda: clock + world.media._skipped, sleep=lambda _s: None)
    )
    id_ = world.upload(bytes(5000))
    put = world.storage.put

    def slow_put(asset: Any, path: str, *, replace: bool, alive: Any) -> Any:
        def step() -> None:
            world.media.skip(LEASE_SECONDS / 2)
            alive()
            assert world.media.claim(None, id_, lease_seconds=1) is None, "another worker took it"

        return put(asset, path, replace=replace, alive=step)

    world.storage.put = slow_put  # type: ignore[method-assign]
    world.work().run(id_)
    assert world.state(id_) == "ready"


def test_medium_of_a_storage_that_is_not_configured_waits(world: World) -> None:
    id_ = world.upload(b"text")
    world.media.rows[id_].values["storage"] = "another"
    world.work().run(id_)
    assert (world.state(id_), world.enqueued, world.media.rows[id_].values["failures"]) == ("processing", [], 0)
