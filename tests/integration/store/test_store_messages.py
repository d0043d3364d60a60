"""Messages and receipts read from the store: by position, by id, by version, for many users at once."""

from __future__ import annotations

import json
import uuid

import pytest
from sqlalchemy import Connection, Engine, text

from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch
from app.store.dead_letters import insert_tombstone
from app.store.engine import writing
from app.store.messages import Page, StoredMessage, changed_since, find_by_id, find_existing, history
from app.store.receipts import StoredReceipt, delivered_up_to, furthest_behind, receipts_changed_since
from app.store.unread import UnreadRequest, unread_counts, unread_messages
from tests.factories.store import (
    add_direct,
    add_group,
    add_pair,
    add_users,
    leave,
    new_message,
    new_messages,
    next_version,
)


def seqs(page: Page) -> tuple[list[int], bool]:
    return [message.seq for message in page.messages], page.has_more


def read_up_to(engine: Engine, conversation: int, user: int, seq: int) -> None:
    store_batch(engine, 1, [], [Receipt(conversation, user, 0, seq, next_version())])


def test_message_is_read_back_as_stored(conn: Connection, engine: Engine) -> None:
    conversation, user, _ = add_pair(engine)
    attachments = [{"mediaId": str(uuid.uuid4()), "note": 'a "b" \\ c, {d} \u2603 NULL'}]
    reply_to = str(uuid.uuid4())
    sent = new_message(
        conversation, 1, user, kind="note", body='{"q": "\\"}, NULL, {}\n\t\U0001f600',
        attachments=json.dumps(attachments), reply_to=reply_to, mentions="{7,8}", mentions_all=True,
        extra='{"forwarded": {"senderId": 7}}',
    )  # fmt: skip
    literal_null = new_message(conversation, 2, user, body="NULL")
    empty, without = new_message(conversation, 3, user, body=""), new_message(conversation, 4, user, body=None)
    assert store_batch(engine, 1, [sent, literal_null, empty, without]) == []
    first, *rest = history(conn, conversation, user_id=user).messages
    assert first == StoredMessage(
        conversation, 1, sent.id, user, "note", sent.body, attachments, reply_to, sent.version, sent.sent_ms, None,
        None, sent.version, [7, 8], True, {"forwarded": {"senderId": 7}}, None,
    )  # fmt: skip
    assert [message.body for message in rest] == ["NULL", "", None]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, ([7, 8, 9], True)),
        ({"before": 3}, ([1, 2], False)),
        ({"before": 4}, ([1, 2, 3], False)),
        ({"before": 5}, ([2, 3, 4], True)),
        ({"before": 1}, ([], False)),
        ({"after": 0}, ([1, 2, 3], True)),
        ({"after": 6}, ([7, 8, 9], False)),
        ({"after": 9}, ([], False)),
    ],
)
def test_history_is_paged_by_seq(
    conn: Connection, engine: Engine, where: dict[str, int], found: tuple[list[int], bool]
) -> None:
    conversation, user, _other = add_pair(engine)
    store_batch(engine, 1, [*new_messages(conversation, user, 9), new_message(add_direct(engine, user, user), 1, user)])
    assert seqs(history(conn, conversation, user_id=user, limit=3, **where)) == found


def test_messages_are_found_by_id_within_their_conversation(conn: Connection, engine: Engine) -> None:
    first, user, _ = add_pair(engine)
    second, other, _ = add_pair(engine)
    mine = new_messages(first, user, 3)
    theirs = new_message(second, 1, other, id=mine[0].id)
    store_batch(engine, 1, [*mine, theirs])
    ids = [mine[2].id.upper(), mine[0].id, str(uuid.uuid4())]
    assert [message.seq for message in find_by_id(conn, first, ids)] == [1, 3]
    existing = find_existing(conn, [(first, ids[0]), (second, ids[1]), (second, ids[0]), (first, ids[2])])
    assert {key: (found.seq, found.version, found.sender_id, found.sent_ms) for key, found in existing.items()} == {
        (first, ids[0]): (3, mine[2].version, user, mine[2].sent_ms),
        (second, ids[1]): (1, theirs.version, other, theirs.sent_ms),
    }
    assert find_existing(conn, []) == {}


def test_unread_is_messages_of_others_past_the_mark(conn: Connection, engine: Engine) -> None:
    [user, friend, quiet] = add_users(engine, 3)
    busy, calm = add_direct(engine, user, friend), add_direct(engine, user, quiet)
    store_batch(engine, 1, [*new_messages(busy, friend, 4), new_message(busy, 5, user), new_message(busy, 6, friend)])
    store_batch(engine, 1, new_messages(calm, user, 2))
    read_up_to(engine, busy, user, 2)
    assert sorted(unread_counts(conn, [user, friend, quiet, 10**12])) == sorted(
        [(user, busy, 3), (friend, busy, 1), (quiet, calm, 2)]
    )
    pages = unread_messages(
        conn,
        [
            UnreadRequest(user, None, 10),
            UnreadRequest(user, busy, 2),
            UnreadRequest(user, calm, 10),
            UnreadRequest(quiet, None, 2),
            UnreadRequest(quiet, busy, 2),
        ],
    )
    assert [seqs(page) for page in pages] == [
        ([3, 4, 6], False), ([3, 4], True), ([], False), ([1, 2], False), ([], False)
    ]  # fmt: skip
    assert unread_counts(conn, []) == []
    assert unread_messages(conn, []) == []


def test_unread_of_several_conversations_comes_oldest_first(conn: Connection, engine: Engine) -> None:
    [user, one, two] = add_users(engine, 3)
    first, second = add_direct(engine, user, one), add_direct(engine, user, two)
    batch = [new_message(first, 1, one), new_message(second, 1, two), new_message(first, 2, one)]
    store_batch(engine, 1, batch)
    [page] = unread_messages(conn, [UnreadRequest(user, None, 2)])
    assert [(m.conversation_id, m.seq) for m in page.messages] == [(first, 1), (second, 1)]
    assert page.has_more


def test_changes_since_a_version_come_in_version_order(conn: Connection, engine: Engine) -> None:
    [user, one, two, stranger] = add_users(engine, 4)
    first, second = add_direct(engine, user, one), add_direct(engine, user, two)
    elsewhere = add_direct(engine, one, stranger)
    old, *new = [
        new_message(first, 1, one), new_message(second, 1, user), new_message(elsewhere, 1, stranger),
        new_message(first, 2, user), new_message(second, 2, two),
    ]  # fmt: skip
    store_batch(engine, 1, [old, *new])
    everything = changed_since(conn, user, old.version, 10)
    assert [(m.conversation_id, m.seq) for m in everything.messages] == [(second, 1), (first, 2), (second, 2)]
    assert everything.has_more is False
    some = changed_since(conn, user, old.version, 2)
    assert some == Page(everything.messages[:2], has_more=True)
    assert changed_since(conn, user, new[-1].version, 10) == Page([], has_more=False)


def test_furthest_behind_returns_three_members_per_conversation(conn: Connection, engine: Engine) -> None:
    people = add_users(engine, 5)
    group, pair = add_group(engine, people), add_group(engine, people[:2])
    for user, seq in zip(people, (4, 3, 9, 1, 2), strict=True):
        mark = Receipt(group, user, seq, 0, next_version())
        store_batch(engine, 1, [], [mark])
    leave(engine, group, people[4], 2, next_version())
    found = furthest_behind(conn, [group, pair])
    assert found[group] == [(people[3], 1), (people[1], 3), (people[0], 4)]
    assert sorted(found[pair]) == [(people[0], 0), (people[1], 0)]
    with writing(engine) as writer:
        writer.execute(text("UPDATE conversations SET member_count = 101 WHERE id = :c"), {"c": group})
    assert furthest_behind(conn, [group]) == {}


def test_receipts_changed_since_a_version(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    store_batch(engine, 1, new_messages(conversation, user, 5))
    before = next_version()
    delivered, read = next_version(), next_version()
    store_batch(engine, 1, [], [Receipt(conversation, other, 4, 0, delivered), Receipt(conversation, user, 0, 5, read)])
    moved = [StoredReceipt(conversation, other, 4, 0, delivered), StoredReceipt(conversation, user, 5, 5, read)]
    assert receipts_changed_since(conn, user, before) == moved
    assert receipts_changed_since(conn, other, delivered) == moved[1:]
    assert receipts_changed_since(conn, user, read) == []


def test_received_version_gives_the_delivered_seq_of_each_conversation(conn: Connection, engine: Engine) -> None:
    [user, one, two] = add_users(engine, 3)
    first, second = add_direct(engine, user, one), add_direct(engine, user, two)
    batch = [new_message(first, 1, one), new_message(second, 1, two), new_message(first, 2, one)]
    store_batch(engine, 1, batch)
    assert sorted(delivered_up_to(conn, user, batch[1].version)) == sorted([(first, 1), (second, 1)])
    store_batch(engine, 1, [], [Receipt(first, user, 1, 0, next_version())])
    assert delivered_up_to(conn, user, batch[1].version) == [(second, 1)]
    assert sorted(delivered_up_to(conn, user, batch[2].version)) == sorted([(first, 2), (second, 1)])
    assert delivered_up_to(conn, user, batch[0].version - 1) == []


def test_tombstone_fills_its_seq_once(conn: Connection, engine: Engine) -> None:
    conversation, user, _ = add_pair(engine)
    store_batch(engine, 1, new_messages(conversation, user, 1))
    version = next_version()
    for seq in (1, 2, 2):
        with writing(engine) as transaction:
            insert_tombstone(
                transaction, conversation, seq, sender_id=user, version=version, sent_ms=version // 1000
            )  # fmt: skip
    real, tombstone = history(conn, conversation, user_id=user).messages
    assert (real.body, real.deleted_ms) == ("message 1", None)
    assert (tombstone.seq, tombstone.body, tombstone.deleted_ms) == (2, None, version // 1000)
    assert changed_since(conn, user, version - 1, 10).messages == [tombstone]
