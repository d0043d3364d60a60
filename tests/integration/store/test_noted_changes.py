"""Notes of changes lead to every conversation that changed: reads return the same as a look at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from app.store import media_uses, message_life, messages, receipts, replay, unread
from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch
from app.store.conversations import get_one, list_page
from app.store.engine import writing
from app.store.noted_changes import changed_conversations
from app.store.read_conversations import ReadState, keep_read_state, read_states, unread_counts_since
from tests.factories.history import History
from tests.factories.store import add_direct, add_users, next_version

FIVE_MINUTES_US = 300_000_000
SEEDS = range(4)
ACTS = 150


@pytest.fixture(scope="module", params=SEEDS)
def history(engine: Engine, request: pytest.FixtureRequest) -> History:
    made = History(engine, request.param)
    made.run(ACTS)
    return made


def every_conversation(conn: Connection, user: int) -> list[int]:
    """Returns the conversations in which the user is or was, without the notes."""
    found = conn.execute(text("SELECT conversation_id FROM members WHERE user_id = :u ORDER BY 1"), {"u": user})
    return list(found.scalars())


def points(history: History) -> Iterator[tuple[int, int]]:
    """Yields users with versions from which they resume: some of the history, with their neighbours, and the last."""
    for user in history.users:
        yield user, history.version
        for version in history.random.sample(history.versions, 25):
            yield user, version - history.random.choice((0, 0, 1, FIVE_MINUTES_US))


def test_conversations_that_changed_are_found(conn: Connection, history: History) -> None:
    newer = text("""
        SELECT c.id FROM conversations AS c JOIN members AS m ON m.conversation_id = c.id
        WHERE m.user_id = :u AND c.version > :v AND (m.left_version IS NULL OR m.left_version > :v)
    """)
    for user, version in points(history):
        expected = set(conn.execute(newer, {"u": user, "v": version}).scalars())
        found = changed_conversations(conn, user, version)
        assert len(found) == len(set(found))
        assert expected <= set(found) <= set(every_conversation(conn, user))


READS: dict[str, Any] = {
    "messages": lambda *place: messages.changed_since(*place[:3], 10_000, *place[3:]),
    "marks": receipts.receipts_changed_since,
    "settings": lambda *place: sorted(replay.settings_since(*place)),
    "groups": replay.groups_changed_since,
    "left": replay.left_since,
    "own": message_life.own_changes_since,
    "media": lambda *place: media_uses.settled_since(*place[:3], 100, *place[3:]),
}

RARE = ("media", "left")  # perhaps nowhere among these points


@pytest.mark.parametrize("name", READS)
def test_resume_returns_what_a_look_at_every_conversation_returns(
    conn: Connection, history: History, name: str
) -> None:
    read, found = READS[name], 0
    for user, version in points(history):
        result = read(conn, user, version)
        assert result == read(conn, user, version, every_conversation(conn, user))
        found += bool(result)
    assert found or name in RARE


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_of_the_list_have_every_conversation_in_order(conn: Connection, history: History, limit: int) -> None:
    for user in history.users:
        seen = [get_one(conn, user, conversation) for conversation in every_conversation(conn, user)]
        there = [one for one in seen if one is not None and is_listed(conn, user, one.id)]
        pages, before, more = [], None, True
        while more:
            page, more = list_page(conn, user, before=before, limit=limit)
            pages += page
            before = page[-1].cursor if page else None
        assert [one.cursor for one in pages] == sorted((one.cursor for one in there), reverse=True)
        without_members = [one for one in pages if one.kind == "direct"]
        assert without_members == [
            one for one in sorted(there, key=lambda one: one.cursor, reverse=True) if one.kind == "direct"
        ]


def is_listed(conn: Connection, user: int, conversation: int) -> bool:
    removed = text("SELECT removed_seq FROM members WHERE user_id = :u AND conversation_id = :c")
    seq = conn.execute(removed, {"u": user, "c": conversation}).scalar()
    return seq is None or bool(messages.history(conn, conversation, user_id=user, after=seq, limit=1).messages)


def test_kept_state_of_unread_conversations_leads_to_the_same_counts(conn: Connection, engine: Engine) -> None:
    history = History(engine, 17)
    states: dict[int, ReadState] = {}
    for _ in range(25):
        history.run(12)
        for user in history.users:
            counts = sorted(unread.unread_counts(conn, [user]))
            state = states.get(user)
            if state is not None:
                assert sorted(unread_counts_since(conn, state)) == counts
            if state is None or history.random.random() < 0.3:
                states[user] = ReadState(user, history.version, [conversation for _, conversation, _ in counts])


def test_admitted_conversation_is_found_and_counted(conn: Connection, engine: Engine) -> None:
    """Its messages were noted for the other user only, moments before."""
    history = History(engine, 18, crowd=1)
    user = history.users[0]
    conversation, stranger = history.open_held(user)
    history.say(conversation, stranger)
    history.store()
    before, state = history.version, ReadState(user, history.version, [])
    assert changed_conversations(conn, user, before) == []
    history.admit(conversation, user)
    history.store()
    assert changed_conversations(conn, user, before) == [conversation]
    assert unread_counts_since(conn, state) == [(user, conversation, 1)]
    assert conversation in [one.id for one in list_page(conn, user)[0]]


def test_former_state_is_not_stored_over_a_later_one(conn: Connection, engine: Engine) -> None:
    [user] = add_users(engine, 1)
    for version, there in ((20, [1, 2]), (10, [3])):
        keep_read_state(conn, 1, ReadState(user, version, there))
    assert read_states(conn, [user]) == {(user, 0): ReadState(user, 20, [1, 2])}
    with writing(engine) as other:
        other.execute(text("UPDATE read_conversations SET epoch = 0 WHERE user_id = :u"), {"u": user})
    assert read_states(conn, [user]) == {}


def noted(conn: Connection, conversation: int) -> set[tuple[int, int]]:
    query = text("SELECT user_id, noted FROM noted_changes WHERE conversation_id = :c")
    return {(user, at) for user, at in conn.execute(query, {"c": conversation})}


def test_conversation_that_changes_all_the_time_is_noted_once_in_five_minutes(conn: Connection, engine: Engine) -> None:
    one, two = add_users(engine, 2)
    pair = add_direct(engine, one, two)
    at = next_version()

    def noted_after(later: int) -> int:
        store_batch(engine, 1, [], [Receipt(pair, one, later + 1, 0, at + later)])
        [(_, first), (_, second)] = noted(conn, pair)
        assert first == second
        return first - at

    assert noted_after(0) == 0
    assert noted_after(1_000_000) == 1_000_000 + FIVE_MINUTES_US
    assert noted_after(2_000_000) == noted_after(1_000_000 + FIVE_MINUTES_US) == 1_000_000 + FIVE_MINUTES_US
    assert noted_after(FIVE_MINUTES_US + 1_000_001) == 2 * FIVE_MINUTES_US + 1_000_001
    assert noted_after(3 * FIVE_MINUTES_US + 1_000_002) == 3 * FIVE_MINUTES_US + 1_000_002


def test_large_group_is_noted_once_for_all_members(conn: Connection, engine: Engine) -> None:
    history = History(engine, 19, crowd=120)
    before = noted(conn, history.large)
    history.say(history.large, history.users[0])
    history.store()
    assert noted(conn, history.large) - before == {(0, history.version)}
    for user in (history.users[1], history.crowd[-1]):
        assert changed_conversations(conn, user, history.version - 1) == [history.large]
