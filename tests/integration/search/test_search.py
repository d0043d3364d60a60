"""Search over the store: results, their visibility and order, before and after messages are indexed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.config import Settings
from app.core.errors import Invalid, NotFound
from app.core.search import SearchFilter
from app.services.indexing.index_messages import Indexer
from app.services.reading import search_messages as service
from app.services.reading.direct_cache import DirectCache
from app.services.reading.search_messages import search_messages
from app.store.engine import autocommit, create_engine
from app.store.replica import StoreReads
from tests.factories.store import START_MS, add_group, add_pair, add_users, next_version, say
from tests.unit.core.search_cases import OTHERS, TEXTS

ANY = SearchFilter()
Places = list[tuple[int, int]]


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    """Waits longer than the application would, because the machine may be busy."""
    made = create_engine(settings, timeout_seconds=60)
    yield made
    made.dispose()


def index(engine: Engine) -> None:
    assert Indexer(engine=engine, stored_version=lambda: 2**62, batch=7).run(60)


@pytest.fixture(params=["not indexed", "indexed"])
def indexed(request: pytest.FixtureRequest, engine: Engine) -> Any:
    """``indexed()`` indexes all messages or, in half of the runs, none of those of this test."""
    index(engine)
    return (lambda: None) if request.param == "not indexed" else (lambda: index(engine))


def page(engine: Engine, user: int, words: str, which: SearchFilter = ANY, cursor: str = "", limit: int = 50) -> Any:
    return search_messages(user, words, which, cursor, limit, store_reads=StoreReads(engine), directs=DirectCache())


def places(messages: Sequence[dict[str, Any]]) -> Places:
    return [(message["conversationId"], message["seq"]) for message in messages]


def found(engine: Engine, user: int, words: str, which: SearchFilter = ANY) -> Places:
    answer = page(engine, user, words, which)
    assert answer["hasMore"] is False
    return places(answer["messages"])


def seqs(engine: Engine, user: int, words: str, which: SearchFilter = ANY) -> list[int]:
    return [seq for _, seq in found(engine, user, words, which)]


def test_words_are_found_in_any_case_and_form_newest_first(engine: Engine, indexed: Any) -> None:
    c, ann, ben = add_pair(engine)
    say(engine, c, ann, "Lunch at noon?", "no", "LUNCH was good, thank you")
    say(engine, c, ben, "lunches", first=4)
    indexed()
    assert seqs(engine, ann, "lunch") == [4, 3, 1]
    assert seqs(engine, ben, "lunch noon") == [1]
    assert seqs(engine, ben, '"was good"') == [3]
    assert seqs(engine, ben, "lunch -thank") == [4, 1]
    assert seqs(engine, ben, "noon or no") == [2, 1]


def test_every_kind_of_text_is_found(engine: Engine, indexed: Any) -> None:
    c, ann, ben = add_pair(engine)
    say(engine, c, ann, *(text_ for text_, _ in TEXTS))
    indexed()
    which = SearchFilter(conversation_id=c)
    for seq, (text_, queries) in enumerate(TEXTS, 1):
        for query in (text_, *queries):
            assert seq in seqs(engine, ben, query, which), (query, text_)


def test_other_texts_are_not_found(engine: Engine, indexed: Any) -> None:
    for query, other in OTHERS:
        c, ann, _ = add_pair(engine)
        say(engine, c, ann, other)
        indexed()
        assert found(engine, ann, query) == [], (query, other)


def test_only_visible_messages_are_found(engine: Engine, indexed: Any) -> None:
    c, ann, ben = add_pair(engine)
    other, cyd, _ = add_pair(engine)
    say(engine, c, ben, *["secret plan"] * 4)
    say(engine, c, ben, "secret plan", first=5, kind="system")
    say(engine, other, cyd, "secret plan")
    indexed()
    assert found(engine, cyd, "secret") == [(other, 1)]
    with autocommit(engine) as conn:

        def run(sql: str) -> None:
            conn.execute(text(sql), {"c": c, "u": ann})

        run("UPDATE members SET visible_from = 1 WHERE conversation_id = :c AND user_id = :u")
        run("INSERT INTO hidden_messages VALUES (:u, :c, 2, 1)")
        run("UPDATE messages SET deleted_at = now() WHERE conversation_id = :c AND seq = 3")
        assert found(engine, ann, "secret") == [(c, 4)]
        assert found(engine, ben, "secret") == [(c, 4), (c, 2), (c, 1)]
        run("UPDATE members SET left_seq = 4 WHERE conversation_id = :c AND user_id = :u")
    with pytest.raises(NotFound):
        page(engine, ann, "secret", SearchFilter(conversation_id=c))
    assert found(engine, ann, "secret") == []
    assert found(engine, ben, "secret", SearchFilter(conversation_id=c)) == [(c, 4), (c, 2), (c, 1)]


def test_text_that_looks_like_a_marker_gives_no_access(engine: Engine, indexed: Any) -> None:
    mine, ann, ben = add_pair(engine)
    theirs, cyd, _ = add_pair(engine)
    say(engine, theirs, cyd, f"see \x01c{mine} there", f"c{mine} there")
    say(engine, mine, ben, "there is nothing", f"look at \x01c{theirs}")
    indexed()
    assert found(engine, ann, "there") == [(mine, 1)]
    assert found(engine, ann, f"c{theirs}") == [(mine, 2)]
    assert page(engine, ann, f"\x01c{theirs} there")["messages"] == []


def test_filters(engine: Engine, indexed: Any) -> None:
    ann, ben = add_users(engine, 2)
    one, two = add_group(engine, [ann, ben]), add_group(engine, [ann, ben])
    texts = ("needle", "needle https://example.org", "needle")
    for i, (conversation, sender) in enumerate([(one, ann), (one, ben), (two, ann)]):
        say(engine, conversation, sender, texts[i], first=i + 1, sent_ms=START_MS + i * 1000)
    indexed()
    at = [START_MS + i * 1000 for i in range(3)]
    for which, expected in {
        SearchFilter(conversation_id=one): [2, 1],
        SearchFilter(sender_id=ann): [3, 1],
        SearchFilter(conversation_id=one, sender_id=ann): [1],
        SearchFilter(before_ms=at[2]): [2, 1],
        SearchFilter(after_ms=at[0]): [3, 2],
        SearchFilter(before_ms=at[2], after_ms=at[0]): [2],
        SearchFilter(has=("link",)): [2],
        SearchFilter(has=("link", "file")): [],
    }.items():
        assert seqs(engine, ann, "needle", which) == expected, which
        if which.is_selective:
            assert seqs(engine, ann, "", which) == expected, which
    with pytest.raises(Invalid):
        page(engine, ann, "", SearchFilter(before_ms=at[0]))
    with pytest.raises(Invalid):
        page(engine, ann, "!!", SearchFilter(sender_id=ann))


def test_files_are_found_by_their_names_and_kinds(engine: Engine, indexed: Any) -> None:
    c, ann, ben = add_pair(engine)
    photo = '[{"mediaId": "0190a5e0-0000-7000-8000-00000000000%d", "filename": "%s", "kind": "%s"}]'
    say(engine, c, ann, "", attachments=photo % (1, "Übersicht_2026.PNG", "image"))
    say(engine, c, ann, "the budget", first=2, attachments=photo % (2, "final-report.pdf", "file"))
    indexed()
    for query, seq in {"ubersicht": 1, "2026": 1, "Übersicht_2026.PNG": 1, "report": 2, "budget report": 2}.items():
        assert seqs(engine, ben, query) == [seq], query
    [hit] = page(engine, ben, "uebersicht or ubersicht")["messages"]
    assert (hit["snippet"], hit["highlights"]) == ("Übersicht_2026.PNG", [(0, 9)])
    assert seqs(engine, ben, "", SearchFilter(has=("file",))) == [2, 1]
    assert seqs(engine, ben, "", SearchFilter(has=("image",))) == [1]


def test_pages_hold_every_message_once_even_with_equal_times(engine: Engine, indexed: Any) -> None:
    ann, ben = add_users(engine, 2)
    groups = [add_group(engine, [ann, ben]) for _ in range(12)]
    version = next_version()
    for group in groups:
        say(engine, group, ben, *["same moment"] * 7, sent_ms=START_MS, version=version)
    read: Places = []
    cursor, more = "", True
    while more:
        indexed()
        answer = page(engine, ann, "moment", cursor=cursor, limit=4)
        read += places(answer["messages"])
        more, cursor = answer["hasMore"], answer.get("cursor", "")
        say(engine, groups[0], ben, "same moment", first=100 + len(read), sent_ms=START_MS + 1000)  # sorts first
    assert read == sorted(((group, seq) for group in groups for seq in range(1, 8)), reverse=True)


def test_pages_continue_while_messages_become_indexed(engine: Engine) -> None:
    index(engine)
    c, ann, ben = add_pair(engine)
    say(engine, c, ben, *["needle"] * 33)
    answer = page(engine, ann, "needle", limit=10)
    read = places(answer["messages"])
    index(engine)
    while answer["hasMore"]:
        answer = page(engine, ann, "needle", cursor=answer["cursor"], limit=10)
        read += places(answer["messages"])
    assert read == [(c, seq) for seq in range(33, 0, -1)]


def test_search_stops_when_its_time_is_over_and_goes_on_from_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    c, ann, ben = add_pair(engine)
    say(engine, c, ben, "needle", *["hay"] * 40)
    index(engine)
    monkeypatch.setattr(service, "BUDGET_SECONDS", 0)
    answer = page(engine, ann, "needle")
    assert answer == {"messages": [], "hasMore": True, "cursor": answer["cursor"]}
    pages = 1
    while answer["hasMore"] and not answer["messages"]:
        answer = page(engine, ann, "needle", cursor=answer["cursor"])
        pages += 1
    assert places(answer["messages"]) == [(c, 1)]
    assert pages > 3


@pytest.mark.parametrize("cursor", ["1-2", "x", "1.2.3", "1.2.3.4.5", "9.9.9.99999999999999999999", "-.1.1.1"])
def test_cursor_of_something_else_is_invalid(engine: Engine, cursor: str) -> None:
    _, ann, _ = add_pair(engine)
    with pytest.raises(Invalid):
        page(engine, ann, "x", cursor=cursor)
