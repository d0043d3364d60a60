"""The indexer fills in what is older than the index: messages, and names of users."""

from __future__ import annotations

import time

from sqlalchemy import Engine, text

from app.services.indexing.index_messages import read_lag
from app.store import search_index
from app.store.engine import autocommit, writing
from tests.factories.store import add_pair, add_users, change, say
from tests.integration.search.own_index import engine, indexed, indexer, rows, seqs

__all__ = ["engine"]


def forget_index(engine: Engine) -> None:
    """Turns the database into one that was migrated a moment ago."""
    with autocommit(engine) as conn:
        conn.execute(text("TRUNCATE message_terms, search_buckets"))
        newest = "(SELECT coalesce(max(version), 0) FROM messages)"
        conn.execute(text(f"UPDATE search_state SET indexed_version = {newest}, backfill_version = NULL, analyser = 0"))


def test_messages_from_before_the_index_are_filled_in_from_new_to_old(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *(f"old {n}" for n in range(1, 14)))
    forget_index(engine)
    say(engine, c, ann, "new 14", first=14)
    assert not indexer(engine, batch=6).run(0)
    for _ in range(4):  # the switch to this analyser, the new message, the names of users, the first older messages
        with writing(engine) as conn:
            progress = search_index.hold_progress(conn)
            assert progress is not None
            indexer(engine, batch=6)._work(conn, progress, 2**62)
    assert list(indexed(engine)) == [8, 9, 10, 11, 12, 13, 14]
    with autocommit(engine) as conn:
        assert read_lag(conn, now=time.time()).backfilling
    indexer(engine, batch=6).run(60)
    assert indexed(engine) == {seq: -1 - (13 - seq) // 5 for seq in range(1, 14)} | {14: 0}
    assert seqs(engine, ann, "old or new") == list(range(14, 0, -1))
    with autocommit(engine) as conn:
        assert not read_lag(conn, now=time.time()).backfilling


def test_old_message_that_changes_during_the_backfill_is_not_put_before_newer_ones(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *(f"old {n}" for n in range(1, 14)))
    forget_index(engine)
    say(engine, c, ann, *(f"new {n}" for n in range(14, 17)), first=14)
    indexer(engine).run(60)
    forget_index(engine)
    say(engine, c, ann, *(f"new {n}" for n in range(17, 20)), first=17)
    with writing(engine) as conn:
        search_index.move_progress(
            conn, search_index.Progress(rows(engine, "SELECT version - 1 FROM messages WHERE seq = 17")[0][0], None, 1)
        )
    indexer(engine).run(60)
    change(engine, c, 3, body="old changed")
    indexer(engine).run(60)
    assert indexed(engine)[3] < 0


def test_new_analyser_indexes_everything_again(engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, *(f"text {n}" for n in range(12)))
    indexer(engine).run(60)
    before = indexed(engine)
    with autocommit(engine) as conn:
        conn.execute(text("UPDATE message_terms SET terms = CAST('outdated' AS tsvector)"))
        conn.execute(text("UPDATE search_state SET analyser = 0"))
    assert indexer(engine).run(60)
    assert indexed(engine) == before
    assert rows(engine, "SELECT count(*) FROM message_terms WHERE terms = CAST('outdated' AS tsvector)") == [(0,)]
    assert len(seqs(engine, ann, "text")) == 12


def test_names_of_users_from_before_are_filled_in(engine: Engine) -> None:
    ann, ben = add_users(engine, 2)
    with autocommit(engine) as conn:
        conn.execute(text("DELETE FROM user_name_terms"))
    assert indexer(engine).run(60)
    assert rows(engine, "SELECT user_id, term FROM user_name_terms ORDER BY 1") == [
        (ann, "somebody"),
        (ben, "somebody"),
    ]
    assert rows(engine, "SELECT named_user_id FROM search_state") == [(ben,)]
