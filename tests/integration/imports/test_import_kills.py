"""A worker dies in each step of an import, and the next one completes the import."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.message_log import keys
from app.services.imports import run_import
from app.store import imports as store
from tests.integration.imports.test_import_races import Sample, everything_is_there, put_user
from tests.integration.imports.world import ImportWorld
from tests.support.imports import Line, group, message, new_id, user

STAGES = {"checking", "users", "messages", "rest", "live", "tell", "clean"}


class KilledError(Exception):
    pass


@pytest.fixture
def sample() -> Sample:
    return Sample()


def killed_once_in_each_step(world: ImportWorld, monkeypatch: pytest.MonkeyPatch, import_id: str) -> set[str]:
    """Works on the import. The first worker of each step dies before it commits. Returns the stages of these steps."""
    real, stages = store.save, set()

    def die(conn: Any, id_: str, state: str, progress: Any) -> None:
        real(conn, id_, state, progress)
        raise KilledError

    while True:
        now = world.found(import_id)
        stages.add("checking" if now.state in ("pending", "checking") else now.progress.stage)
        with monkeypatch.context() as patch:
            patch.setattr(store, "save", die)
            with pytest.raises(KilledError):
                world.step(import_id)
        assert world.found(import_id) == now, "nothing of the step is left in Postgres"
        if world.step(import_id):
            return stages


def with_a_group_in_use(world: ImportWorld, sample: Sample) -> tuple[list[Line], str]:
    """Returns more lines, for a group that exists, and its external id."""
    name = new_id("live")
    world.add_group(name, put_user(world, sample.ann))
    return [*sample.lines, *(message(name, sample.ann, f"live {n}", n) for n in range(12))], name


def test_worker_that_dies_in_every_step_changes_nothing(
    world: ImportWorld, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, name = with_a_group_in_use(world, sample)
    import_id = world.begin(lines)
    assert killed_once_in_each_step(world, monkeypatch, import_id) == STAGES
    live = world.conversations(*sample.people).pop(name)
    assert [body for _, body, *_ in live["messages"]] == [f"live {n}" for n in range(12)]
    assert [read for *_, read in live["members"]] == [12]
    assert world.found(import_id).progress.done == len(lines)
    shown = world.conversations(*sample.people)
    del shown[name]
    assert len(shown) == 4
    assert world.orphans() == 0


def test_worker_that_dies_after_a_group_was_given_back_changes_nothing(
    world: ImportWorld, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = world.begin(sample.lines)
    world.run_to(import_id, "messages")
    put_user(world, sample.ann)
    world.add_group(sample.one)
    world.add_group(sample.two)
    killed_once_in_each_step(world, monkeypatch, import_id)
    counts = {len(one["messages"]) for one in everything(world, sample).values()}
    assert counts == {0, 12}


def everything(world: ImportWorld, sample: Sample) -> dict[str, Any]:
    return world.conversations(*sample.people)


def test_failed_import_is_cleaned_up_although_workers_die(
    world: ImportWorld, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = world.begin([*sample.lines, user(sample.ann)])
    killed_once_in_each_step(world, monkeypatch, import_id)
    found = world.found(import_id)
    assert (found.state, [error.line for error in found.progress.errors]) == ("failed", [len(sample.lines) + 1])
    for table in ("import_users", "import_conversations", "import_messages", "import_pieces"):
        assert world.log.query(f"SELECT count(*) FROM {table} WHERE import_id = :i", i=import_id)[0][0] == 0
    assert everything(world, sample) == {}


def test_ids_of_recent_messages_are_known_although_the_worker_died_after_the_commit(
    world: ImportWorld, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A send with one of these ids gets the imported message, not a second one."""
    name, sent = new_id("now"), datetime.now(UTC).isoformat()
    lines = [user(sample.ann), group(name, sample.ann)]
    lines += [{**message(name, sample.ann, f"{n}", 0), "sentAt": sent} for n in range(9)]
    import_id = world.begin(lines)
    real: Callable[..., None] = run_import.mark_sent

    def die(*args: Any, **more: Any) -> None:
        if args[1]:
            monkeypatch.setattr(run_import, "mark_sent", real)
            raise KilledError

    world.run_to(import_id, "messages")
    monkeypatch.setattr(run_import, "mark_sent", die)
    with pytest.raises(KilledError):
        world.finish(import_id)
    world.finish(import_id)
    rows = world.log.query(
        "SELECT conversation_id, CAST(m.id AS text) FROM messages AS m"
        " JOIN conversations AS c ON c.id = conversation_id WHERE c.external_id = :e",
        e=name,
    )
    assert len(rows) == 9
    assert all(world.log.redis.exists(keys.FIRST.dedupe_mark(*row)) for row in rows)


def test_everything_is_written_once_if_no_worker_dies(world: ImportWorld, sample: Sample) -> None:
    world.finish(world.begin(sample.lines))
    assert everything_is_there(world, sample)
