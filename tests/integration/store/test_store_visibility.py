"""The messages that a member sees: none from before they joined or after they left, and no hidden ones."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, text

from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch
from app.store.conversations import conversation_ids_of, get_one, list_page, load_state
from app.store.engine import writing
from app.store.memberships import conversations_of
from app.store.message_life import locate
from app.store.messages import changed_since, hidden_since, history
from app.store.receipts import StoredReceipt, delivered_up_to, receipts_changed_since
from app.store.unread import UnreadRequest, unread_counts, unread_messages
from app.store.unread_tail import count_with_floor
from tests.factories.store import (
    add_group,
    add_pair,
    add_users,
    change,
    hide,
    join,
    leave,
    new_message,
    new_messages,
    next_version,
)

NOW = datetime.now(UTC)


@dataclass
class Model:
    """One user's view of one group, in simple terms."""

    group: int
    user: int
    senders: dict[int, int] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    hidden: dict[int, int] = field(default_factory=dict)
    floor: int = 0
    joined: int = 0
    read: int = 0

    def sees(self) -> list[int]:
        return [seq for seq in self.senders if seq > self.floor and seq not in self.hidden]

    def unread(self, read: int = 0) -> list[int]:
        mark = max(self.read, read)
        return [s for s in self.sees() if s > mark and self.senders[s] != self.user and s not in self.deleted]

    def changed(self, version: int) -> list[int]:
        changed_seqs = [s for s in self.sees() if self.versions[s] > version and self.versions[s] >= self.joined]
        return sorted(changed_seqs, key=self.versions.__getitem__)


def random_group(engine: Engine, rng: random.Random) -> Model:
    user, *others = add_users(engine, 3)
    model = Model(add_group(engine, [user, *others]), user)
    sent = [new_message(model.group, seq, rng.choice([user, *others])) for seq in range(1, rng.randint(2, 30))]
    store_batch(engine, 1, sent)
    model.senders = {m.seq: m.sender_id for m in sent}
    model.versions = {m.seq: m.version for m in sent}
    if rng.random() < 0.7:
        joined_at = rng.choice(sent)
        sees_all = rng.random() < 0.5
        join(engine, model.group, user, joined_at.seq, joined_at.version, sees_all=sees_all)
        model.floor, model.joined, model.read = (
            0 if sees_all else joined_at.seq - 1,
            joined_at.version,
            joined_at.seq - 1,
        )
    for seq in rng.sample(sorted(model.senders), len(sent) // 3):
        model.versions[seq] = change(engine, model.group, seq, deleted_at=NOW)
        model.deleted.add(seq)
    for seq in rng.sample(sorted(model.senders), len(sent) // 3):
        model.hidden[seq] = hide(engine, model.group, user, seq)
        hide(engine, model.group, others[0], seq)
    read = rng.randint(0, len(sent))
    store_batch(engine, 1, [], [Receipt(model.group, user, 0, read, next_version())])
    model.read = max(model.read, read)
    return model


@pytest.mark.parametrize("seed", range(25))
def test_every_read_shows_exactly_the_visible_messages(conn: Connection, engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    model = random_group(engine, rng)
    group, user = model.group, model.user
    assert [m.seq for m in history(conn, group, user_id=user).messages] == model.sees()
    middle = rng.randint(0, len(model.senders))
    after = [m.seq for m in history(conn, group, user_id=user, after=middle).messages]
    assert after == [seq for seq in model.sees() if seq > middle]
    assert unread_counts(conn, [user]) == ([(user, group, len(model.unread()))] if model.unread() else [])
    [page] = unread_messages(conn, [UnreadRequest(user, None, 100)])
    assert sorted(m.seq for m in page.messages) == model.unread()
    tail = count_with_floor(conn, {(user, group): middle})
    assert tail == {(user, group): (len(model.senders), len(model.unread(middle)))}
    since = rng.choice(sorted(model.versions.values())) - rng.randint(0, 1)
    assert [m.seq for m in changed_since(conn, user, since, 100).messages] == model.changed(since)
    hidden_rows = sorted((version, seq) for seq, version in model.hidden.items() if version > since)
    assert [(version, seq) for _, seq, _, version in hidden_since(conn, user, since)] == hidden_rows
    summary = get_one(conn, user, group)
    assert summary is not None
    assert summary.unread == len(model.unread())
    newest = summary.last_message.seq if summary.last_message else None
    assert newest == max(model.sees(), default=None)
    assert list_page(conn, user)[0][0].last_message == summary.last_message


def test_former_member_reads_nothing(conn: Connection, engine: Engine) -> None:
    user, other, third = add_users(engine, 3)
    group = add_group(engine, [user, other, third])
    sent = new_messages(group, other, 3)
    store_batch(engine, 1, sent)
    leave(engine, group, user, 2, sent[1].version)
    assert conversation_ids_of(conn, user) == []
    assert conversations_of(conn, [user, other]) == {user: set(), other: {group}}
    assert get_one(conn, user, group) is None
    assert list_page(conn, user) == ([], False)
    assert history(conn, group, user_id=user).messages == []
    assert unread_counts(conn, [user]) == []
    assert unread_messages(conn, [UnreadRequest(user, group, 9)])[0].messages == []
    assert count_with_floor(conn, {(user, group): 0}) == {}
    assert receipts_changed_since(conn, user, 0) == []
    assert delivered_up_to(conn, user, sent[-1].version) == []
    assert locate(conn, user, sent[0].id) == []
    [state] = load_state(conn, [group])
    assert [member.user_id for member in state.members] == [other, third]
    seen = get_one(conn, other, group)
    assert seen is not None
    assert (seen.member_count, [m.user_id for m in seen.members]) == (2, [other, third])


def test_former_member_gets_changes_up_to_the_departure(conn: Connection, engine: Engine) -> None:
    user, other = add_users(engine, 2)
    group = add_group(engine, [user, other])
    sent = new_messages(group, other, 4)
    store_batch(engine, 1, sent)
    leave(engine, group, user, 3, sent[2].version)
    assert [m.seq for m in changed_since(conn, user, sent[0].version, 9).messages] == [2, 3]
    change(engine, group, 2, body="changed since")
    assert [m.seq for m in changed_since(conn, user, sent[0].version, 9).messages] == [3]
    assert changed_since(conn, user, sent[2].version, 9).messages == []


def test_message_that_was_never_shown_is_not_reported_as_hidden(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    sent = new_messages(conversation, other, 2)
    store_batch(engine, 1, sent)
    hidden = hide(engine, conversation, user, 1)
    with writing(engine) as other_conn:
        row = {"u": user, "c": conversation, "v": sent[1].version}
        other_conn.execute(text("INSERT INTO hidden_messages VALUES (:u, :c, 2, :v)"), row)
    assert hidden_since(conn, user, 0) == [(conversation, 1, sent[0].id, hidden)]
    assert hidden_since(conn, user, hidden) == []
    assert hidden_since(conn, other, 0) == []


def test_large_group_returns_ones_own_and_the_latest_receipts(conn: Connection, engine: Engine) -> None:
    users = add_users(engine, 102)
    group = add_group(engine, users)
    store_batch(engine, 1, new_messages(group, users[0], 5))
    before = next_version()
    moved = [(user, next_version()) for user in users[:5]]
    store_batch(engine, 1, [], [Receipt(group, user, 3, 0, version) for user, version in moved])
    assert receipts_changed_since(conn, users[1], before) == [
        StoredReceipt(group, user, 3, 0, version) for user, version in (moved[1], moved[4])
    ]
    assert receipts_changed_since(conn, users[4], before) == [
        StoredReceipt(group, user, 3, 0, version) for user, version in (moved[3], moved[4])
    ]
    leave(engine, group, users[101], 5, next_version())
    leave(engine, group, users[100], 5, next_version())
    assert len(receipts_changed_since(conn, users[1], before)) == 5


def test_edit_of_an_old_message_does_not_move_the_delivered_mark_back(conn: Connection, engine: Engine) -> None:
    conversation, user, other = add_pair(engine)
    sent = new_messages(conversation, other, 3)
    store_batch(engine, 1, sent, [Receipt(conversation, user, 1, 0, next_version())])
    edited = change(engine, conversation, 1, body="changed")
    assert delivered_up_to(conn, user, edited) == [(conversation, 3)]


def test_mentions_are_counted_past_the_read_mark(conn: Connection, engine: Engine) -> None:
    user, other = add_users(engine, 2)
    group = add_group(engine, [user, other])
    everybody = {"mentions_all": True}
    sent = [
        new_message(group, 1, other, **everybody),
        new_message(group, 2, other, **everybody),  # also mentions the user
        new_message(group, 3, user, **everybody),
        new_message(group, 4, other),  # mentions the user
        new_message(group, 5, other, **everybody),  # hidden
        new_message(group, 6, other, **everybody),
    ]
    store_batch(engine, 1, sent, [Receipt(group, user, 0, 1, next_version())])
    with writing(engine) as writer:
        rows = [{"u": user, "c": group, "s": seq} for seq in (1, 2, 4)]
        writer.execute(text("INSERT INTO mentions VALUES (:u, :c, :s)"), rows)
    hide(engine, group, user, 5)
    [mine] = list_page(conn, user)[0]
    [theirs] = list_page(conn, other)[0]
    assert (mine.mentions, theirs.mentions) == (3, 1)
