"""Pending pushes, compared with a simple model, and the facts that decide about notifications."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app.config import Settings
from app.services.push.plan_notifications import recipient_state
from app.store import pending_pushes
from app.store.batch_pending_pushes import PushTrigger
from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch, store_batch_and_enqueue_pushes
from app.store.engine import create_engine, reading, writing
from app.store.pending_pushes import PendingPush
from app.store.push_facts import load_facts, load_unread
from tests.factories.store import add_group, add_pair, add_users, new_message
from tests.integration.store.push_rows import PROVIDERS, add_target, claim_deliveries, end, enqueue, epoch, rows, send


@pytest.fixture(autouse=True)
def no_pending_pushes(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(text("TRUNCATE push_owed, push_deliveries, push_shown, push_targets"))


def test_first_device_turns_push_on(database_url: str, settings: Settings) -> None:
    """A drain that has cached that there are no devices must notice the first one."""
    engine = create_engine(settings)
    with writing(engine) as conn:
        conn.execute(text("UPDATE log_state SET pushing = false"))
    conversation, ann, ben = add_pair(engine)
    assert send(engine, conversation, ann, 1) == 0
    other = create_engine(settings)  # another process
    add_target(other, ben)
    assert send(engine, conversation, ann, 2) == 1
    assert rows(engine, "SELECT user_id, conversation_id, seq FROM push_owed") == [(ben, conversation, 2)]
    engine.dispose(), other.dispose()


@pytest.mark.parametrize(("until", "count"), [("NULL", 0), ("now() + interval '1 hour'", 0), ("now()", 1)])
def test_suspended_user_gets_no_notification(engine: Engine, until: str, count: int) -> None:
    conversation, _ann, ben = add_pair(engine)
    add_target(engine, ben)
    with writing(engine) as conn:
        change = f"UPDATE users SET suspended_at = now(), suspended_until = {until} WHERE id = :id"
        conn.execute(text(change), {"id": ben})
    with writing(engine) as conn:
        pending = [PendingPush(ben, conversation, 1)]
        assert pending_pushes.enqueue(conn, pending, [], providers=PROVIDERS, spacing_seconds=0) == count


@dataclass
class Model:
    """The pending pushes: (user, conversation) -> seq."""

    targets: set[int] = field(default_factory=set)
    pending: dict[tuple[int, int], int] = field(default_factory=dict)


steps = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=6),  # (conversation, sender) of a batch
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), max_size=2),  # (conversation, reader)
    ),
    min_size=1,
    max_size=5,
)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(with_device=st.sets(st.integers(0, 3)), muted=st.sets(st.integers(0, 3), max_size=1), steps=steps)
def test_each_member_with_a_device_has_one_pending_push_for_the_newest_message_of_others(
    engine: Engine,
    with_device: set[int],
    muted: set[int],
    steps: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]],
) -> None:
    with writing(engine) as conn:
        conn.execute(text("TRUNCATE push_owed, push_deliveries, push_shown, push_targets"))
    users = add_users(engine, 4)
    groups = [add_group(engine, users), add_group(engine, users[:3])]
    for n in with_device:
        add_target(engine, users[n])
    with writing(engine) as conn:
        for n in muted:
            conn.execute(
                text("UPDATE members SET muted_until = now() + interval '1 day' WHERE user_id = :u"), {"u": users[n]}
            )
    seqs, expected = [0, 0], {}
    for batch, readers in steps:
        messages, newest = [], {}
        for c, u in batch:
            seqs[c] += 1
            messages.append(new_message(groups[c], seqs[c], users[u]))
            newest[c, u] = seqs[c]
        receipts = [Receipt(groups[c], users[u], seqs[c], seqs[c], 1) for c, u in readers if seqs[c]]
        triggers = [PushTrigger(groups[c], seq, users[u]) for (c, u), seq in newest.items()]
        store_batch_and_enqueue_pushes(
            engine, epoch(engine), messages, receipts, triggers=lambda triggers=triggers: triggers
        )  # type: ignore[misc]
        for (c, sender), seq in newest.items():
            for n in with_device - muted - {sender}:
                if n < (4, 3)[c]:
                    key = (users[n], groups[c])
                    expected[key] = max(expected.get(key, 0), seq)
    found = {(u, c): s for u, c, s in rows(engine, "SELECT user_id, conversation_id, seq FROM push_owed")}
    assert found == expected


def claim_all(engine: Engine) -> pending_pushes.Claimed:
    with writing(engine) as conn:
        return pending_pushes.claim(conn, 100)


def test_pending_push_is_claimed_once_and_a_newer_message_keeps_it_pending(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    add_target(engine, ben)
    send(engine, conversation, ann, 1)
    claimed = claim_all(engine)
    assert claimed.rows == [PendingPush(ben, conversation, 1)]
    assert claim_all(engine).rows == []
    send(engine, conversation, ann, 2)
    assert claimed.lease is not None
    with writing(engine) as conn:
        pending_pushes.settle(conn, claimed.lease, [(ben, conversation, 0)])
    assert rows(engine, "SELECT seq FROM push_owed") == [(2,)]
    with writing(engine) as conn:
        conn.execute(text("UPDATE push_owed SET due_at = now()"))
    again = claim_all(engine)
    assert again.lease is not None
    with writing(engine) as conn:
        pending_pushes.settle(conn, again.lease, [(ben, conversation, 0)])
    assert rows(engine, "SELECT seq FROM push_owed") == []


def test_read_receipt_makes_a_pending_push_only_if_a_notification_is_displayed(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    add_target(engine, ben)
    store_batch(engine, epoch(engine), [new_message(conversation, 1, ann)])
    read = [Receipt(conversation, ben, 1, 1, 1)]
    assert store_batch_and_enqueue_pushes(engine, epoch(engine), [], read).pushes == 0
    enqueue(engine, ben, conversation, 1)
    (delivery,) = claim_deliveries(engine)
    end(engine, delivery, 1)
    assert store_batch_and_enqueue_pushes(engine, epoch(engine), [], read).pushes == 1
    with writing(engine) as conn:
        assert pending_pushes.enqueue_corrections(conn, [PendingPush(ben, conversation, 1)], providers=PROVIDERS) == 0
        assert pending_pushes.enqueue_corrections(conn, [PendingPush(ben, conversation, 0)], providers=PROVIDERS) == 1
    (delivery,) = claim_deliveries(engine)
    assert delivery.kind == "clear"
    end(engine, delivery, 1)
    assert rows(engine, "SELECT seq FROM push_shown") == [(0,)]


def test_system_messages_and_former_members_make_no_pushes(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    add_target(engine, ben)
    send(engine, conversation, ann, 1, kind="system")
    with reading(engine) as conn:
        assert load_facts(conn, [(ben, conversation)])[ben, conversation].newest == 0
    send(engine, conversation, ann, 2)
    with writing(engine) as conn:
        assert load_facts(conn, [(ben, conversation)])[ben, conversation].newest == 2
        conn.execute(text("UPDATE members SET left_seq = 2 WHERE user_id = :u"), {"u": ben})
        assert load_facts(conn, [(ben, conversation)])[ben, conversation].newest == 0


def test_badge_counts_conversations_that_are_marked_as_unread(engine: Engine) -> None:
    """One that has unread messages as well counts only those."""
    quiet, _, ben = add_pair(engine)
    busy = add_group(engine, [ben, *add_users(engine, 1)])
    send(engine, busy, add_users(engine, 1)[0], 1, 2)
    with writing(engine) as conn:
        conn.execute(text("UPDATE members SET marked_unread_seq = 0 WHERE user_id = :u"), {"u": ben})
        assert load_unread(conn, [ben]) == {ben: {quiet: 1, busy: 2}}
        conn.execute(text("UPDATE members SET last_read_seq = 2 WHERE user_id = :u"), {"u": ben})
        assert load_unread(conn, [ben]) == {ben: {}}


def test_facts_say_until_when_the_user_is_not_to_be_disturbed(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    send(engine, conversation, ann, 1)
    with writing(engine) as conn:
        until = text("UPDATE users SET do_not_disturb_until = to_timestamp(4000000000) WHERE id = :u")
        conn.execute(until, {"u": ben})
        facts = load_facts(conn, [(ben, conversation)])[ben, conversation]
    assert (facts.newest, facts.do_not_disturb_ms) == (1, 4_000_000_000_000)
    for now_ms, quiet in ((3_999_999_999_999, True), (4_000_000_000_000, False)):
        assert recipient_state(facts, online=False, now_ms=now_ms).quiet is quiet
