"""The indexer: it misses nothing, follows changes, and keeps the order of buckets."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.core.errors import Overloaded
from app.services.indexing import index_messages
from app.services.indexing.index_messages import Indexer, read_lag
from app.store import account_deletions, search_index
from app.store import search as search_store
from app.store.engine import autocommit, writing
from app.store.sql import HotStatement
from tests.factories.store import add_group, add_pair, add_users, change, next_version, say
from tests.integration.search.own_index import engine, indexed, indexer, rows, seqs

__all__ = ["engine"]


def test_new_messages_fill_buckets_in_order(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *(f"text {n}" for n in range(12)))
    assert indexer(engine).run(60)
    assert indexed(engine) == {seq: (seq - 1) // 5 for seq in range(1, 13)}
    buckets = rows(engine, "SELECT bucket, messages FROM search_buckets ORDER BY bucket")
    assert buckets == [(0, 5), (1, 5), (2, 2)]
    assert indexer(engine).run(60)
    assert len(indexed(engine)) == 12


def test_edited_message_is_found_by_its_new_text_and_keeps_its_bucket(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *(f"text {n}" for n in range(12)))
    indexer(engine).run(60)
    change(engine, c, 2, body="other words")
    for _ in range(2):  # before and after it is indexed
        assert seqs(engine, ann, "words") == [2]
        assert seqs(engine, ann, "text") == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 1]
        assert seqs(engine, ann, "text or words") == list(range(12, 0, -1))
        indexer(engine).run(60)
    assert indexed(engine)[2] == 0


def test_new_message_is_found_although_many_others_wait_for_the_indexer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_store, "MAX_CHANGED", 3)
    c, ann, _ = add_pair(engine)
    other, cyd, _ = add_pair(engine)
    say(engine, c, ann, "needle")
    say(engine, other, cyd, *["hay"] * 9)
    assert seqs(engine, ann, "needle") == [1]


def test_deleted_message_leaves_the_index(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, "one", "two", "three")
    indexer(engine).run(60)
    with autocommit(engine) as conn:
        conn.execute(text("UPDATE messages SET deleted_at = now(), version = :v WHERE seq = 2"), {"v": next_version()})
    assert seqs(engine, ann, "two") == []
    indexer(engine).run(60)
    assert list(indexed(engine)) == [1, 3]


def test_erased_message_leaves_the_index_at_once(engine: Engine) -> None:
    """The terms of a text are as private as the text."""
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, "one", "two")
    indexer(engine).run(60)
    with writing(engine) as conn:
        account_deletions.erase(conn, c, [1])
    assert list(indexed(engine)) == [2]


def test_nothing_beyond_the_stored_version_is_passed(engine: Engine) -> None:
    """A drain that is behind stores the newest messages out of turn."""
    c, ann, _ = add_pair(engine)
    early, late = next_version(), next_version()
    say(engine, c, ann, "late", first=2, version=late)
    indexer(engine, upto=early - 1).run(60)
    assert indexed(engine) == {}
    assert seqs(engine, ann, "late") == [2]
    say(engine, c, ann, "early", version=early)
    indexer(engine, upto=late).run(60)
    assert list(indexed(engine)) == [1, 2]


def test_message_stored_late_goes_into_the_bucket_of_its_time(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    versions = [next_version() for _ in range(15)]
    for n, version in enumerate(versions, 1):
        if n != 3:
            say(engine, c, ann, "text", first=n, version=version)
    indexer(engine).run(60)
    say(engine, c, ann, "text", first=3, version=versions[2])
    with writing(engine) as conn:
        search_index.rewind(conn, versions[2])
    indexer(engine).run(60)
    assert indexed(engine)[3] == 0
    assert seqs(engine, ann, "text") == list(range(15, 0, -1))


def test_one_indexer_works_at_a_time(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, "text")
    with writing(engine) as conn:
        assert search_index.hold_progress(conn) is not None
        assert not indexer(engine).run(60)
    assert indexed(engine) == {}
    assert indexer(engine).run(60)


@pytest.mark.parametrize(("cpu_share", "rests"), [(0.5, 2), (1.0, 0)])
def test_indexer_rests_after_full_batches_while_others_want_the_processor(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, cpu_share: float, rests: int
) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *["text"] * 8)
    clock = iter(range(10**6))
    monkeypatch.setattr(index_messages.time, "perf_counter", lambda: float(next(clock)))
    cpu_clock = iter(range(10**6))
    monkeypatch.setattr(index_messages.time, "thread_time", lambda: cpu_share * next(cpu_clock))
    rested: list[float] = []
    assert Indexer(engine=engine, stored_version=lambda: 2**62, batch=3, rest=rested.append).run(60)
    assert list(indexed(engine)) == list(range(1, 9)), "two full batches, and one of two messages"
    assert len(rested) == rests
    assert all(0 < seconds <= index_messages.MAX_REST_SECONDS for seconds in rested)


def test_batch_that_fails_is_indexed_later(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *["text"] * 4)

    def fail(*_: object) -> None:
        raise Overloaded("no")

    with monkeypatch.context() as patched:
        patched.setattr(search_index, "fill_buckets", fail)
        with pytest.raises(Overloaded):
            indexer(engine).run(60)
    assert indexed(engine) == {}
    assert indexer(engine).run(60)
    assert list(indexed(engine)) == [1, 2, 3, 4]


def test_lag_is_that_of_messages_which_wait(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    indexer(engine).run(60)
    say(engine, c, ann, "one", "two")
    [(version,)] = rows(engine, "SELECT min(version) FROM messages")
    with autocommit(engine) as conn:
        assert read_lag(conn, now=version / 1e6 + 3) == (2, pytest.approx(3, abs=0.01), False)
    indexer(engine).run(60)
    with autocommit(engine) as conn:
        assert read_lag(conn, now=version / 1e6 + 3) == (0, 0, False)


def test_random_changes_leave_an_index_of_exactly_what_is_there(engine: Engine) -> None:
    dice = random.Random(4)
    ann, ben = add_users(engine, 2)
    groups = [add_group(engine, [ann, ben]) for _ in range(3)]
    count = dict.fromkeys(groups, 0)
    for _ in range(60):
        group = dice.choice(groups)
        act = dice.choice(("say", "say", "edit", "delete", "index"))
        if act == "say":
            count[group] += 1
            say(engine, group, ann, f"w{dice.randrange(5)}", first=count[group])
        elif act == "edit" and count[group]:
            change(engine, group, dice.randint(1, count[group]), body=f"w{dice.randrange(5)}")
        elif act == "delete" and count[group]:
            values = {"v": next_version(), "c": group, "s": dice.randint(1, count[group])}
            with autocommit(engine) as conn:
                gone = "UPDATE messages SET body = NULL, deleted_at = now(), version = :v"
                conn.execute(text(f"{gone} WHERE conversation_id = :c AND seq = :s"), values)
        elif act == "index":
            indexer(engine, batch=dice.randint(1, 9)).run(60)
        for word in (f"w{n}" for n in range(5)):
            truth = "SELECT seq FROM messages WHERE body = :w AND deleted_at IS NULL ORDER BY created_version DESC"
            assert seqs(engine, ben, word) == [seq for (seq,) in rows(engine, truth, w=word)]


def test_look_ups_use_the_index(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = add_users(engine, 2)
    groups = [add_group(engine, [ann, ben]) for _ in range(40)]
    for group in groups:
        say(engine, group, ben, *["common words"] * 50, "common needle", *["common words"] * 4)
    monkeypatch.setattr(index_messages, "BUCKET_MESSAGES", 500)
    indexer(engine, batch=500).run(120)
    with autocommit(engine) as conn:
        conn.execute(text("VACUUM ANALYZE message_terms, messages, members"))
    ran: list[tuple[str, dict[str, Any]]] = []
    run = HotStatement.rows

    def record(self: HotStatement, conn: Any, **values: Any) -> list[tuple[Any, ...]]:
        ran.append((self.text, values))
        return run(self, conn, **values)

    monkeypatch.setattr(HotStatement, "rows", record)
    assert len(seqs(engine, ann, "needle")) == 40
    look_ups = [(sql, values) for sql, values in ran if "tsquery" in sql]
    assert look_ups
    with autocommit(engine) as conn:
        for sql, values in look_ups:
            cursor = conn.connection.driver_connection.execute(f"EXPLAIN (ANALYZE) {sql}".encode(), values)  # type: ignore[union-attr]
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Bitmap Index Scan on ix_message_terms_terms" in plan
            assert "Seq Scan" not in plan
