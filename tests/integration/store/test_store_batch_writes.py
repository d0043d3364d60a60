"""The drain's batches: all or nothing, only under the current epoch, safe to repeat, and equal to a simple model."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app.config import Settings
from app.core.errors import Overloaded
from app.store.batch_statement import NewMessage, Receipt
from app.store.batch_writes import Conflict, UnstorableError, store_batch
from app.store.conversations import load_state
from app.store.dead_letters import insert_dead_letter
from app.store.engine import autocommit, create_engine, reading, writing
from app.store.epochs import StaleEpochError, bump_epoch, check_epoch, next_epoch, read_epoch
from app.store.messages import history
from app.store.users import get_users
from tests.factories.store import START_MS, add_pair, new_message, new_messages, next_version


def present_epoch(engine: Engine) -> int:
    with reading(engine) as conn:
        return read_epoch(conn).number


def stored_ids(engine: Engine, conversation: int) -> list[str]:
    with reading(engine) as conn:
        found = conn.execute(
            text("SELECT id::text FROM messages WHERE conversation_id = :c ORDER BY seq"), {"c": conversation}
        )
        return list(found.scalars())


# The correct result, in simple terms.


@dataclass
class Model:
    """The store as dictionaries."""

    by_seq: dict[tuple[int, int], NewMessage] = field(default_factory=dict)
    by_id: dict[tuple[int, str], NewMessage] = field(default_factory=dict)
    positions: dict[int, tuple[int, int]] = field(default_factory=dict)
    marks: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)

    def store(self, messages: list[NewMessage], receipts: list[Receipt], seen: list[tuple[int, int]]) -> list[Conflict]:
        for message in messages:
            key, place = (message.conversation_id, message.id), (message.conversation_id, message.seq)
            if key not in self.by_id and place not in self.by_seq:
                self.by_id[key] = self.by_seq[place] = message
            self._raise(message.conversation_id, message.seq, message.version)
        for receipt in receipts:
            self._mark(receipt)
            self._raise(receipt.conversation_id, 0, receipt.version)
        for user, ms in seen:
            self.seen[user] = max(ms, self.seen.get(user, 0))
        return [found for n, message in enumerate(messages) if (found := self._conflict(n, message))]

    def _raise(self, conversation: int, seq: int, version: int) -> None:
        last, newest = self.positions.get(conversation, (0, 0))
        self.positions[conversation] = (max(last, seq), max(newest, version))

    def _mark(self, receipt: Receipt) -> None:
        member = receipt.conversation_id, receipt.user_id
        delivered, read, version = self.marks.get(member, (0, 0, 0))
        new = max(delivered, receipt.delivered_seq, receipt.read_seq), max(read, receipt.read_seq)
        if new != (delivered, read):
            self.marks[member] = (*new, max(version, receipt.version))

    def _conflict(self, index: int, message: NewMessage) -> Conflict | None:
        first = self.by_id.get((message.conversation_id, message.id))
        if first is not None and first.seq == message.seq:
            return None
        at_seq = self.by_seq[message.conversation_id, message.seq] if first is None else first
        kind = "seq_taken" if first is None else "duplicate"
        return Conflict(index, kind, at_seq.seq, at_seq.version, at_seq.sent_ms, at_seq.sender_id)  # type: ignore[arg-type]


IDS = [str(uuid.UUID(int=n)) for n in range(6)]
# (conversation, seq, id, sender): small ranges, so that ids and seqs collide often
MESSAGE = st.tuples(st.integers(0, 1), st.integers(1, 5), st.sampled_from(IDS), st.integers(0, 1))
RECEIPT = st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 6), st.integers(0, 6))
SEEN = st.tuples(st.integers(0, 3), st.integers(1, 10**6))
BATCH = st.tuples(st.lists(MESSAGE, max_size=6), st.lists(RECEIPT, max_size=5), st.lists(SEEN, max_size=3))
BATCHES = st.lists(st.tuples(BATCH, st.booleans()), min_size=1, max_size=5)  # the flag: store the batch twice


@settings(max_examples=40, deadline=None)
@given(batches=BATCHES)
def test_batches_equal_the_model(engine: Engine, batches: list[tuple[tuple[list, list, list], bool]]) -> None:
    (first, *users), (second, *others) = add_pair(engine), add_pair(engine)
    conversations, members, epoch = (first, second), (users, others), present_epoch(engine)
    model = Model()
    for (messages, receipts, seen), twice in batches:
        new = [
            new_message(conversations[c], seq, members[c][who], id=id_) for c, seq, id_, who in messages
        ]  # fmt: skip
        # One receipt per member and batch. With several, the version of the greatest is stored if any of them moved the
        # mark.
        marks = {(c, who): (delivered, read) for c, who, delivered, read in receipts}
        rows = [
            Receipt(conversations[c], members[c][who], delivered, read, next_version())
            for (c, who), (delivered, read) in marks.items()
        ]
        at = [((*users, *others)[who], START_MS + ms) for who, ms in seen]
        for _ in range(1 + twice):
            expected = model.store(new, rows, at)
            assert store_batch(engine, epoch, new, rows, at) == expected
    assert_equal(engine, model, {first: users, second: others})


def assert_equal(engine: Engine, model: Model, members: dict[int, list[int]]) -> None:
    with reading(engine) as conn:
        for conversation, of in members.items():
            [state] = load_state(conn, [conversation])
            assert (state.last_seq, state.version) == model.positions.get(conversation, (0, 0))
            marks = {(m.user_id): (m.delivered_seq, m.read_seq) for m in state.members}
            assert marks == {user: model.marks.get((conversation, user), (0, 0, 0))[:2] for user in of}
            stored = history(conn, conversation, user_id=of[0], limit=100).messages
            assert {m.seq: (m.id, m.sender_id, m.version) for m in stored} == {
                seq: (m.id, m.sender_id, m.version) for (c, seq), m in model.by_seq.items() if c == conversation
            }
        versions = text("SELECT conversation_id, user_id, version FROM members WHERE conversation_id = ANY(:c)")
        for conversation, user, version in conn.execute(versions, {"c": list(members)}):
            assert version == model.marks.get((conversation, user), (0, 0, 0))[2]
        found = get_users(conn, [user for of in members.values() for user in of])
    assert {user: row.last_seen_ms for user, row in found.items() if row.last_seen_ms} == model.seen


# One test per promise.


def test_empty_batch_changes_nothing(engine: Engine) -> None:
    assert store_batch(engine, 12345, [], [], []) == []


def test_batch_of_another_epoch_stores_nothing(engine: Engine) -> None:
    conversation, user, _ = add_pair(engine)
    with pytest.raises(StaleEpochError):
        store_batch(engine, present_epoch(engine) - 1, new_messages(conversation, user, 2))
    assert stored_ids(engine, conversation) == []


def test_new_epoch_blocks_drains_and_then_refuses_them(engine: Engine, settings: Settings) -> None:
    conversation, user, _ = add_pair(engine)
    old, batch = present_epoch(engine), new_messages(conversation, user, 2)
    hurried = create_engine(replace(settings, db_timeout_seconds=1.0))
    store_batch(engine, old, batch[:1])
    with next_epoch(engine) as (epoch, greatest):
        assert epoch == old + 1
        assert greatest >= batch[0].version
        with pytest.raises(Overloaded):
            store_batch(hurried, old, batch)
        assert present_epoch(engine) == old
    with pytest.raises(StaleEpochError):
        store_batch(hurried, old, batch)
    assert stored_ids(engine, conversation) == [batch[0].id]
    assert store_batch(hurried, epoch, batch) == []
    hurried.dispose()


def test_failed_epoch_change_is_rolled_back(engine: Engine) -> None:
    old = present_epoch(engine)

    def fail() -> None:
        with next_epoch(engine):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert present_epoch(engine) == old


def test_check_epoch_locks_the_epoch_until_the_transaction_ends(engine: Engine) -> None:
    epoch = present_epoch(engine)
    with writing(engine) as conn:
        check_epoch(conn, epoch)
        with pytest.raises(Overloaded), writing(engine) as other:
            bump_epoch(other)
    with pytest.raises(StaleEpochError), writing(engine) as conn:
        check_epoch(conn, epoch + 1)


@pytest.mark.parametrize(
    "fault",
    [
        {"body": "a\x00b"},
        {"body": "\ud800"},
        {"id": "no uuid"},
        {"id": f'{uuid.UUID(int=1)}","{uuid.UUID(int=2)}'},
        {"attachments": "{"},
        {"attachments": '"\\u0000"'},
        {"reply_to": "x"},
        {"seq": 2**63},
        {"kind": None},
        {"sent_ms": 10**18},
    ],
    ids=repr,
)
def test_unstorable_batch_raises_and_stores_nothing(engine: Engine, fault: dict[str, object]) -> None:
    conversation, user, _ = add_pair(engine)
    good, bad = new_message(conversation, 1, user), new_message(conversation, 2, user)._replace(**fault)
    epoch = present_epoch(engine)
    with pytest.raises(UnstorableError):
        store_batch(engine, epoch, [good, bad])
    assert stored_ids(engine, conversation) == []
    assert store_batch(engine, epoch, [good]) == []


def test_dead_letter_is_stored_unchanged(engine: Engine) -> None:
    with autocommit(engine) as conn:
        insert_dead_letter(conn, b"\x00\xffrecord", "no message body")
        found = conn.execute(text("SELECT record, reason FROM dead_letters ORDER BY id DESC LIMIT 1")).one()
    assert (bytes(found.record), found.reason) == (b"\x00\xffrecord", "no message body")


def test_two_drains_with_overlapping_batches_do_not_deadlock(engine: Engine) -> None:
    pairs = [add_pair(engine) for _ in range(10)]
    epoch = present_epoch(engine)
    rounds = [
        (
            [new_message(c, seq, user) for c, user, _ in pairs],
            [Receipt(c, o, seq, 0, next_version()) for c, _, o in pairs],
        )
        for seq in range(1, 21)
    ]

    def drain(step: int) -> None:
        for messages, receipts in rounds:
            assert store_batch(engine, epoch, messages[::step], receipts[::step]) == []

    with ThreadPoolExecutor(4) as drains:
        list(drains.map(drain, [1, -1, 1, -1]))
    for conversation, _, _ in pairs:
        assert len(stored_ids(engine, conversation)) == 20
