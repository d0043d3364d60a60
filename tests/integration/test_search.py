"""Search in the store: the results, their visibility and order, and the index that serves them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from app.config import Settings
from app.core.search import FOUND_BEGINS, FOUND_ENDS, SearchFilter
from app.store import search
from app.store.batch_statement import NewMessage
from app.store.batch_writes import store_batch
from app.store.engine import autocommit, create_engine, reading, writing
from app.store.sql import HotStatement, driver
from tests.factories.store import START_MS, add_group, add_pair, add_users, new_message

ANY = SearchFilter()


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings, timeout_seconds=60)
    yield made
    made.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with autocommit(engine) as connection:
        yield connection


def say(engine: Engine, conversation: int, sender: int, *texts: str, first: int = 1, **fields: Any) -> list[NewMessage]:
    messages = [new_message(conversation, first + i, sender, body=body, **fields) for i, body in enumerate(texts)]
    store_batch(engine, 1, messages, [])
    return messages


def found(
    conn: Connection,
    user: int,
    words: str,
    which: SearchFilter = ANY,
    *,
    before: search.SearchCursor | None = None,
    limit: int = 50,
) -> list[tuple[int, int]]:
    conversations = search.searched_conversations(conn, user, which.conversation_id)
    hits, _ = search.search(conn, user, words, conversations, which, before=before, limit=limit)
    return [(hit.message.conversation_id, hit.message.seq) for hit in hits]


def test_words_are_found_in_any_case_newest_first(conn: Connection, engine: Engine) -> None:
    c, ann, ben = add_pair(engine)
    say(engine, c, ann, "Lunch at noon?", "no", "LUNCH was good, thank you")
    say(engine, c, ben, "lunches", first=4)
    assert found(conn, ann, "lunch") == [(c, 3), (c, 1)]
    assert found(conn, ben, "lunch noon") == [(c, 1)]


@pytest.mark.parametrize(
    ("words", "seqs"),
    [
        ("red apple", [3, 1]),
        ('"red apple"', [1]),
        ("apple -red", [2]),
        ("green or yellow", [4, 2]),
        ("zoë", [4]),
        ("red & | ! ( ' apple", [3, 1]),
        ("<b>", []),
        ("mail@example.org", [5]),
        ("/usr/share", [5]),
    ],
)
def test_web_search_syntax_is_supported(conn: Connection, engine: Engine, words: str, seqs: list[int]) -> None:
    c, ann, ben = add_pair(engine)
    say(
        engine,
        c,
        ben,
        "a red apple",
        "a green apple",
        "an apple that is red",
        "Zoë is yellow",
        "mail@example.org /usr/share",
    )
    assert [seq for _, seq in found(conn, ann, words)] == seqs


@pytest.mark.parametrize("words", ["", "  ", "!!", "-apple", "apple or -pear", '""'])
def test_search_without_a_required_word_finds_nothing(conn: Connection, words: str) -> None:
    assert not search.is_searchable(conn, words)
    assert search.is_searchable(conn, f"{words} pear" if "or" not in words else "pear")


def test_only_visible_messages_are_found(conn: Connection, engine: Engine) -> None:
    c, ann, ben = add_pair(engine)
    other, cyd, _ = add_pair(engine)
    say(engine, c, ben, *["secret plan"] * 4)
    say(engine, c, ben, "secret plan", first=5, kind="system")
    say(engine, other, cyd, "secret plan")
    assert found(conn, cyd, "secret") == [(other, 1)]
    conn.execute(
        text("UPDATE members SET visible_from = 1 WHERE conversation_id = :c AND user_id = :u"), {"c": c, "u": ann}
    )
    conn.execute(text("INSERT INTO hidden_messages VALUES (:u, :c, 2, 1)"), {"c": c, "u": ann})
    conn.execute(text("UPDATE messages SET deleted_at = now() WHERE conversation_id = :c AND seq = 3"), {"c": c})
    assert found(conn, ann, "secret") == [(c, 4)]
    assert found(conn, ben, "secret") == [(c, 4), (c, 2), (c, 1)]
    conn.execute(
        text("UPDATE members SET left_seq = 4 WHERE conversation_id = :c AND user_id = :u"), {"c": c, "u": ann}
    )
    assert search.searched_conversations(conn, ann, c) == []
    assert found(conn, ben, "secret", SearchFilter(conversation_id=c)) == [(c, 4), (c, 2), (c, 1)]


def test_word_that_looks_like_a_conversation_gives_no_access(conn: Connection, engine: Engine) -> None:
    mine, ann, ben = add_pair(engine)
    theirs, cyd, _ = add_pair(engine)
    say(engine, theirs, cyd, f"see /{mine} there")
    say(engine, mine, ben, "there is nothing", f"look at /{mine}")
    assert found(conn, ann, "there") == [(mine, 1)]
    assert found(conn, ann, f"/{mine}") == [(mine, 2)]


def test_filters(conn: Connection, engine: Engine) -> None:
    ann, ben = add_users(engine, 2)
    one, two = add_group(engine, [ann, ben]), add_group(engine, [ann, ben])
    for i, (conversation, sender) in enumerate([(one, ann), (one, ben), (two, ann)]):
        say(engine, conversation, sender, "needle", first=i + 1, sent_ms=START_MS + i * 1000)
    at = [datetime.fromtimestamp((START_MS + i * 1000) / 1000, UTC) for i in range(3)]
    for which, seqs in {
        SearchFilter(conversation_id=one): [2, 1],
        SearchFilter(sender_id=ann): [3, 1],
        SearchFilter(conversation_id=one, sender_id=ann): [1],
        SearchFilter(before=at[2]): [2, 1],
        SearchFilter(after=at[0]): [3, 2],
        SearchFilter(before=at[2], after=at[0]): [2],
    }.items():
        assert [seq for _, seq in found(conn, ann, "needle", which)] == seqs, which


def test_pages_hold_every_message_once_even_with_equal_times(conn: Connection, engine: Engine) -> None:
    ann, ben = add_users(engine, 2)
    groups = [add_group(engine, [ann, ben]) for _ in range(3)]
    for group in groups:
        say(engine, group, ben, *["same moment"] * 7, sent_ms=START_MS)
    pages: list[tuple[int, int]] = []
    cursor, more = None, True
    while more:
        hits, more = search.search(conn, ann, "moment", groups, ANY, before=cursor, limit=4)
        pages += [(hit.message.conversation_id, hit.message.seq) for hit in hits]
        last = hits[-1].message
        cursor = search.SearchCursor(last.sent_ms, last.conversation_id, last.seq)
        say(engine, groups[0], ben, "same moment", first=100 + len(pages), sent_ms=START_MS + 1000)  # sorts first
    assert pages == sorted(((g, s) for g in groups for s in range(1, 8)), reverse=True)


def test_matches_are_highlighted_and_forged_markers_are_ignored(conn: Connection, engine: Engine) -> None:
    c, ann, _ = add_pair(engine)
    say(engine, c, ann, f"a {FOUND_BEGINS}forged{FOUND_ENDS} <b>needle</b> & more")
    [hit], _ = search.search(conn, ann, "needle", [c], ANY, before=None, limit=5)
    assert hit.marked.count(FOUND_BEGINS) == hit.marked.count(FOUND_ENDS) == 1
    assert f"{FOUND_BEGINS}needle{FOUND_ENDS}" in hit.marked
    assert "forged" in hit.marked


def test_thousands_of_conversations_can_be_searched(conn: Connection, engine: Engine) -> None:
    c, ann, ben = add_pair(engine)
    say(engine, c, ben, "haystack needle")
    hits, _ = search.search(conn, ann, "needle", [c, *range(10**6, 10**6 + 30_000)], ANY, before=None, limit=5)
    assert [hit.message.conversation_id for hit in hits] == [c]


# -- the plan --------------------

CONVERSATIONS, EACH = 500, 100

FILL = """
    WITH made AS (
        INSERT INTO conversations (kind, name, last_seq) SELECT 'group', 'G', :each
        FROM generate_series(1, :conversations * 2) RETURNING id
    ), joined AS (
        INSERT INTO members (conversation_id, user_id)
        SELECT id, CASE WHEN row_number() OVER (ORDER BY id) <= :conversations THEN :mine ELSE :theirs END FROM made
    )
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, sent_at)
    SELECT id, n, gen_random_uuid(), :theirs, 'text',
           'common words' || CASE WHEN n % 50 = 0 THEN ' rareword' ELSE '' END, id * 1000 + n,
           to_timestamp(1800000000 + n)
    FROM made CROSS JOIN generate_series(1, :each) AS n
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.fixture(scope="module")
def searcher(engine: Engine) -> int:
    """Creates a user in 500 conversations, beside 500 conversations of others."""
    mine, theirs = add_users(engine, 2)
    with writing(engine) as conn:
        values = {"mine": mine, "theirs": theirs, "each": EACH, "conversations": CONVERSATIONS}
        conn.execute(text(FILL), values)
    with reading(engine) as conn:
        conn.execute(text("VACUUM ANALYZE conversations, members, messages"))
    return mine


@pytest.mark.parametrize("seqscan", ["on", "off"])
@pytest.mark.parametrize(("words", "hits"), [("rareword", CONVERSATIONS * 2), ("common", CONVERSATIONS * EACH)])
def test_search_uses_the_index(
    conn: Connection, searcher: int, monkeypatch: pytest.MonkeyPatch, words: str, hits: int, seqscan: str
) -> None:
    ran: list[tuple[str, dict[str, Any]]] = []
    rows = HotStatement.rows

    def record_plan(self: HotStatement, conn: Connection, **values: Any) -> list[tuple[Any, ...]]:
        ran.append((self.text, values))
        return rows(self, conn, **values)

    monkeypatch.setattr(HotStatement, "rows", record_plan)
    conn.execute(text(f"SET enable_seqscan = {seqscan}"))
    assert len(found(conn, searcher, words, limit=20)) == 20
    for sql, values in ran:
        [[explained]] = (
            driver(conn).execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".encode(), values, prepare=False).fetchall()
        )
        plan = explained[0]["Plan"]
        # On 1,000 rows of members a planner that may scan does scan; the server's settings never allow it.
        tables = ("messages",) if seqscan == "on" else ("messages", "members")
        assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan" and n["Relation Name"] in tables]
        looked_up = [n for n in nodes(plan) if n.get("Index Name") == "ix_messages_search"]
        if "ts_headline" in sql:
            assert [round(n["Actual Rows"]) for n in looked_up] == [hits]  # no rows of other users
    conn.execute(text("SET enable_seqscan = off"))
