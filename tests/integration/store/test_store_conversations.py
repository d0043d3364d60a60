"""Conversations in the store: opened once, and read as their members see them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, event

from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch
from app.store.conversations import (
    MemberState,
    conversation_ids_of,
    get_one,
    list_page,
    load_state,
)
from app.store.engine import autocommit
from app.store.open_direct import OpenedDirect, get_or_create_direct
from app.store.sql import HotStatement
from tests.factories.store import add_direct, add_group, add_pair, add_users, new_message, new_messages, next_version


def test_direct_conversation_is_the_same_from_either_side(conn: Connection, engine: Engine) -> None:
    a, b, c = add_users(engine, 3)
    first = get_or_create_direct(conn, a, b)
    assert first is not None
    assert first[1] is True
    assert get_or_create_direct(conn, b, a) == (first[0], False, None)
    other = get_or_create_direct(conn, a, c)
    assert other is not None
    assert other[0] != first[0]
    assert conversation_ids_of(conn, a) == sorted([first[0], other[0]])


def test_notes_to_oneself_have_one_member(conn: Connection, engine: Engine) -> None:
    [user] = add_users(engine, 1)
    notes = add_direct(engine, user, user)
    assert add_direct(engine, user, user) == notes
    [state] = load_state(conn, [notes])
    assert state.members == [MemberState(user, "member", 0, 0)]


@pytest.mark.parametrize("oneself", [True, False])
def test_direct_conversation_with_a_missing_user_is_refused(conn: Connection, engine: Engine, oneself: bool) -> None:
    [user] = add_users(engine, 1)
    assert get_or_create_direct(conn, 10**12 if oneself else user, 10**12) is None
    assert conversation_ids_of(conn, user) == []


def test_simultaneous_opens_return_one_conversation(engine: Engine) -> None:
    pairs = [tuple(add_users(engine, 2)) for _ in range(6)]

    def open_it(n: int) -> tuple[int, OpenedDirect | None]:
        low, high = pairs[n % 6]
        with autocommit(engine) as conn:
            return n % 6, get_or_create_direct(conn, *((low, high) if n % 4 else (high, low)))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(open_it, range(96)))
    for n, pair in enumerate(pairs):
        results = [result for of, result in found if of == n and result]
        assert len(results) == 16
        assert len({opened.id for opened in results}) == 1
        assert sum(opened.created for opened in results) == 1
        with autocommit(engine) as conn:
            [state] = load_state(conn, [results[0][0]])
        assert [member.user_id for member in state.members] == sorted(pair)


def test_state_equals_the_stored_rows(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    messages, version = new_messages(conversation, user, 5), next_version()
    store_batch(engine, 1, messages, [Receipt(conversation, other, 4, 3, version)])
    [state] = load_state(conn, [10**12, conversation])
    assert (state.id, state.kind, state.last_seq, state.version) == (conversation, "direct", 5, version)
    assert state.members == [MemberState(user, "member", 0, 0), MemberState(other, "member", 4, 3)]
    assert load_state(conn, []) == []


def test_list_is_paged_by_latest_activity(conn: Connection, engine: Engine) -> None:
    [user, *others] = add_users(engine, 6)
    opened = [add_direct(engine, user, other) for other in others]
    newest_last = [opened[n] for n in (3, 0, 4, 1, 2)]
    for conversation in newest_last:
        store_batch(engine, 1, [new_message(conversation, 1, user)])
    first, more = list_page(conn, user, limit=2)
    second, and_more = list_page(conn, user, before=first[-1].cursor, limit=2)
    last, no_more = list_page(conn, user, before=second[-1].cursor, limit=2)
    assert [summary.id for summary in first + second + last] == newest_last[::-1]
    assert (more, and_more, no_more) == (True, True, False)
    assert list_page(conn, 10**12) == ([], False)


def test_summary_shows_last_message_unread_and_members(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    messages = [*new_messages(conversation, other, 4), new_message(conversation, 5, user)]
    store_batch(engine, 1, messages, [Receipt(conversation, user, 0, 1, next_version())])
    [mine] = list_page(conn, user)[0]
    [theirs] = list_page(conn, other)[0]
    assert (mine.unread, mine.read_seq, theirs.unread, theirs.read_seq) == (3, 1, 1, 0)
    assert mine.member_count == 2
    assert [member.user_id for member in mine.members] == [user, other]
    assert mine.last_message is not None
    assert (mine.last_message.seq, mine.last_message.body) == (5, "message 5")
    assert mine.activity_us == messages[-1].sent_ms * 1000
    assert get_one(conn, user, conversation) == mine


def test_empty_conversation_has_no_last_message(conn: Connection, engine: Engine) -> None:
    conversation, user, _ = add_pair(engine)
    found = get_one(conn, user, conversation)
    assert found is not None
    assert (found.last_message, found.unread, found.last_seq) == (None, 0, 0)


def test_list_shows_only_a_groups_size_and_the_single_view_its_first_members(conn: Connection, engine: Engine) -> None:
    users = add_users(engine, 103)
    group = add_group(engine, users)
    [listed] = list_page(conn, users[0])[0]
    assert (listed.kind, listed.name, listed.member_count, listed.members) == ("group", "G", 103, [])
    read = get_one(conn, users[0], group)
    assert read is not None
    assert [member.user_id for member in read.members] == users[:100]


def test_non_member_reads_nothing(conn: Connection, engine: Engine) -> None:
    conversation, *_ = add_pair(engine)
    [stranger] = add_users(engine, 1)
    assert get_one(conn, stranger, conversation) is None
    assert get_one(conn, stranger, 10**12) is None


def test_list_takes_two_statements_regardless_of_length(
    conn: Connection, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    [user, *others] = add_users(engine, 21)
    for other in others:
        store_batch(engine, 1, [new_message(add_direct(engine, user, other), 1, other)])
    ran: list[str] = []
    rows = HotStatement.rows
    monkeypatch.setattr(HotStatement, "rows", lambda self, *a, **kw: ran.append(self.text) or rows(self, *a, **kw))
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_: ran.append(statement))
    page, _ = list_page(conn, user, limit=20)
    assert len(page) == 20
    assert len(ran) == 2
