"""Exports: written in pieces, continued after an interruption, written once by any number of writers, and swept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.bootstrap import build_container
from app.config import Settings
from app.container import Container
from app.services.accounts import write_export
from app.services.accounts.write_export import ExportWriter
from app.store import exports
from app.store.batch_writes import store_batch
from app.store.engine import create_engine, reading, writing
from app.store.replica import StoreReads
from tasks import accounts, maintenance
from tests.factories.store import add_direct, add_group, add_pair, add_users, new_message, new_messages

KEEP = 7 * 86_400


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings, timeout_seconds=30)
    yield made
    made.dispose()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_export, "PIECE_BYTES", 2_000)
    monkeypatch.setattr(exports, "MESSAGES_AT_ONCE", 200)


def begin(engine: Engine, user: int) -> str:
    with writing(engine) as conn:
        made = exports.begin_export(conn, user)
    assert made is not None
    return made.id


def writer(engine: Engine, *, stop_after: int | None = None) -> ExportWriter:
    """Returns a writer that is checks to stop after ``stop_after`` pieces."""
    checks = iter(range(10**9))
    return ExportWriter(
        engine,
        StoreReads(engine),
        keep_seconds=KEEP,
        stopping=lambda: stop_after is not None and next(checks) + 1 >= stop_after,
    )


def read(engine: Engine, export_id: str) -> list[dict[str, Any]]:
    data = b"".join(exports.read_pieces(engine, export_id))
    with reading(engine) as conn:
        assert exports.size_of(conn, export_id) == len(data)
    return [json.loads(line) for line in data.splitlines()]


def state(engine: Engine, export_id: str) -> str | None:
    with reading(engine) as conn:
        found = exports.get_export(conn, export_id)
    return found and found.state


def user_with_messages(engine: Engine, messages: int = 450) -> tuple[int, list[int]]:
    """Creates a user in three conversations with ``messages`` messages in each."""
    user, other, third = add_users(engine, 3)
    conversations = [add_direct(engine, user, other), add_direct(engine, user, third), add_group(engine, [user, other])]
    for conversation in conversations:
        store_batch(engine, 1, new_messages(conversation, user, messages), [])
        with writing(engine) as conn:
            conn.execute(
                text("UPDATE conversations SET last_seq = :n WHERE id = :c"), {"n": messages, "c": conversation}
            )
    return user, conversations


def expected(conversations: list[int], messages: int = 450) -> list[tuple[int, int]]:
    return [(c, seq) for c in sorted(conversations) for seq in range(1, messages + 1)]


def messages_of(lines: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(line["conversationId"], line["seq"]) for line in lines if line["type"] == "message"]


def test_export_contains_everything_once_in_pieces(engine: Engine, small_pieces: None) -> None:
    user, conversations = user_with_messages(engine)
    export_id = begin(engine, user)
    assert writer(engine).run(export_id)
    assert state(engine, export_id) == "ready"
    lines = read(engine, export_id)
    assert messages_of(lines) == expected(conversations)
    assert [line["type"] for line in lines[:2]] == ["profile", "conversation"]
    sizes = [len(piece) for piece in exports.read_pieces(engine, export_id)]
    assert len(sizes) > 100
    assert max(sizes) <= 2_000


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_interrupted_export_is_continued(engine: Engine, small_pieces: None, pieces: int) -> None:
    user, conversations = user_with_messages(engine, 60)
    export_id = begin(engine, user)
    runs = 1
    while not writer(engine, stop_after=pieces).run(export_id):
        assert state(engine, export_id) == "pending"
        runs += 1
    assert runs > 2
    assert messages_of(read(engine, export_id)) == expected(conversations, 60)


def test_two_simultaneous_writers_write_one_file(engine: Engine, small_pieces: None) -> None:
    user, conversations = user_with_messages(engine, 60)
    export_id = begin(engine, user)
    other = writer(engine)

    def interfere() -> bool:
        """After the first writer's first piece, the second writer writes all the rest."""
        other.run(export_id)
        return False

    assert ExportWriter(engine, StoreReads(engine), keep_seconds=KEEP, stopping=interfere).run(export_id)
    assert messages_of(read(engine, export_id)) == expected(conversations, 60)
    assert writer(engine).run(export_id)
    assert messages_of(read(engine, export_id)) == expected(conversations, 60)


def test_export_contains_only_visible_messages(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    store_batch(engine, 1, [new_message(conversation, seq, ben, body=f"text {seq}") for seq in range(1, 9)], [])
    with writing(engine) as conn:
        where = {"c": conversation, "u": ann}
        conn.execute(text("UPDATE conversations SET last_seq = 8 WHERE id = :c"), where)
        conn.execute(
            text("UPDATE members SET visible_from = 2, left_seq = 6 WHERE conversation_id = :c AND user_id = :u"), where
        )
        conn.execute(text("INSERT INTO hidden_messages VALUES (:u, :c, 4, 1)"), where)
        conn.execute(
            text("UPDATE messages SET deleted_at = now(), body = NULL WHERE conversation_id = :c AND seq = 5"), where
        )
    export_id = begin(engine, ann)
    assert writer(engine).run(export_id)
    lines = read(engine, export_id)
    assert messages_of(lines) == [(conversation, 3), (conversation, 5), (conversation, 6)]
    assert ["message" in line for line in lines[2:]] == [True, False, True]
    [line] = [line for line in lines if line["type"] == "conversation"]
    assert (line["isMember"], line["otherId"]) == (False, ben)


def test_one_export_is_made_at_a_time_and_replaces_older_ones(engine: Engine) -> None:
    [user] = add_users(engine, 1)
    first = begin(engine, user)
    assert begin(engine, user) == first
    writer(engine).run(first)
    second = begin(engine, user)
    assert second != first
    assert state(engine, first) is None
    assert not list(exports.read_pieces(engine, first))
    with writing(engine) as conn:
        assert exports.begin_export(conn, 10**9) is None


@pytest.fixture
def shared(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    made = build_container(settings)
    monkeypatch.setenv("DATABASE_URL", settings.database_url)  # celeryconfig.py reads them at the first task
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("SECRET_KEY", settings.secret_key)
    for module in (accounts, maintenance):
        monkeypatch.setattr(module, "container", lambda: made)
    yield made
    made.close()


def test_lost_export_is_enqueued_again_and_fails_after_a_day(
    engine: Engine, shared: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued: list[str] = []
    monkeypatch.setattr(maintenance, "enqueue_export", enqueued.append)
    waiting, lost, hopeless = (begin(engine, user) for user in add_users(engine, 3))
    age(engine, lost, created="2 minutes")
    age(engine, hopeless, created="25 hours")
    maintenance.sweep_accounts()
    assert set(enqueued) >= {lost, hopeless}
    assert waiting not in enqueued
    maintenance.sweep_expired()
    assert [state(engine, id_) for id_ in (waiting, lost, hopeless)] == ["pending", "pending", "failed"]
    for _ in range(2):  # the task runs twice
        accounts.export_user_data(lost)
    assert state(engine, lost) == "ready"
    assert len(messages_of(read(engine, lost))) == 0
    accounts.export_user_data(hopeless)
    assert state(engine, hopeless) == "failed"


def test_export_expires_with_its_pieces(engine: Engine, shared: Container) -> None:
    old, young = (begin(engine, user) for user in add_users(engine, 2))
    for export_id in (old, young):
        accounts.export_user_data(export_id)
    age(engine, old, expires="-1 minute")
    maintenance.sweep_expired()
    assert (state(engine, old), state(engine, young)) == (None, "ready")
    assert not list(exports.read_pieces(engine, old))


def age(engine: Engine, export_id: str, *, created: str = "0", expires: str | None = None) -> None:
    with writing(engine) as conn:
        conn.execute(
            text("UPDATE exports SET created_at = now() - CAST(:age AS interval) WHERE id = CAST(:id AS uuid)"),
            {"age": created, "id": export_id},
        )
        if expires is not None:
            conn.execute(
                text("UPDATE exports SET expires_at = now() + CAST(:end AS interval) WHERE id = CAST(:id AS uuid)"),
                {"end": expires, "id": export_id},
            )
