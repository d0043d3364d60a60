"""Queued deliveries: one per device and conversation, their leases, corrections and sweeps; and the devices."""

from __future__ import annotations

import json
import uuid

import pytest
from sqlalchemy import Engine, text

from app.config import Settings
from app.push.vapid import public_key_of
from app.store import pending_pushes, push_deliveries, push_targets
from app.store.batch_statement import Receipt
from app.store.batch_writes import store_batch, store_batch_and_enqueue_pushes
from app.store.engine import reading, writing
from app.store.pending_pushes import PendingPush
from app.store.push_targets import NewTarget
from tests.factories.store import add_pair, add_users, new_message
from tests.integration.store.push_rows import PROVIDERS, add_target, claim_deliveries, end, enqueue, epoch, rows
from tests.support.commands import flask
from tests.support.processes import base_env


@pytest.fixture(autouse=True)
def no_pending_pushes(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(text("TRUNCATE push_owed, push_deliveries, push_shown, push_targets"))


def test_each_device_has_one_pending_notification_per_conversation_after_a_pause(
    engine: Engine,
) -> None:
    conversation, _, ben = add_pair(engine)
    add_target(engine, ben)
    assert [enqueue(engine, ben, conversation, seq) for seq in (1, 2, 1)] == [1, 1, 1]
    assert rows(engine, "SELECT seq FROM push_deliveries") == [(2,)]
    (delivery,) = claim_deliveries(engine)
    assert claim_deliveries(engine) == []
    end(engine, delivery, 2)
    assert enqueue(engine, ben, conversation, 2) == 0, "this message is already displayed"
    enqueue(engine, ben, conversation, 3)
    pause = "SELECT due_at - now() > interval '4 seconds' FROM push_deliveries WHERE state = 'pending'"
    assert rows(engine, pause) == [(True,)]


def test_newer_message_during_a_delivery_stays_pending(engine: Engine) -> None:
    conversation, _, ben = add_pair(engine)
    target = add_target(engine, ben)
    enqueue(engine, ben, conversation, 1)
    (delivery,) = claim_deliveries(engine)
    enqueue(engine, ben, conversation, 4)
    end(engine, delivery, 1)
    assert rows(engine, "SELECT state, seq, attempts FROM push_deliveries") == [("pending", 4, 0)]
    assert rows(engine, "SELECT target_id, seq FROM push_shown") == [(target, 1)]


def test_delivery_with_an_expired_lease_is_claimed_again(engine: Engine) -> None:
    conversation, _, ben = add_pair(engine)
    add_target(engine, ben)
    enqueue(engine, ben, conversation, 1)
    (first,) = claim_deliveries(engine)
    with writing(engine) as conn:
        conn.execute(text("UPDATE push_deliveries SET due_at = now() - interval '1 second'"))
    (second,) = claim_deliveries(engine)
    assert (first.id, first.attempts, second.id, second.attempts) == (first.id, 1, first.id, 2)
    end(engine, second, 1)
    end(engine, first, 1)  # the first worker was only slow and reports late
    assert rows(engine, "SELECT state, attempts FROM push_deliveries") == [("sent", 2)]


def test_message_read_during_its_delivery_is_checked_again(engine: Engine) -> None:
    """The read receipt found nothing displayed, so without another check the notification would stay."""
    conversation, ann, ben = add_pair(engine)
    target = add_target(engine, ben)
    store_batch(engine, epoch(engine), [new_message(conversation, 1, ann)])
    enqueue(engine, ben, conversation, 1)
    (delivery,) = claim_deliveries(engine)
    assert store_batch_and_enqueue_pushes(engine, epoch(engine), [], [Receipt(conversation, ben, 1, 1, 1)]).pushes == 0
    end(engine, delivery, 1)
    soon = "SELECT user_id, conversation_id, due_at BETWEEN now() AND now() + interval '1 second' FROM push_owed"
    assert rows(engine, soon) == [(ben, conversation, True)]
    assert rows(engine, "SELECT target_id, seq FROM push_shown") == [(target, 1)]


def test_cleared_or_dropped_delivery_is_not_checked_again(engine: Engine) -> None:
    conversation, _, ben = add_pair(engine)
    add_target(engine, ben)
    enqueue(engine, ben, conversation, 1)
    end(engine, claim_deliveries(engine)[0], 1, "dropped")
    assert rows(engine, "SELECT 1 FROM push_owed") == []
    enqueue(engine, ben, conversation, 2)
    end(engine, claim_deliveries(engine)[0], 2)
    with writing(engine) as conn:
        conn.execute(text("TRUNCATE push_owed"))
        pending_pushes.enqueue_corrections(conn, [PendingPush(ben, conversation, 0)], providers=PROVIDERS)
    end(engine, claim_deliveries(engine)[0], 2)
    assert rows(engine, "SELECT 1 FROM push_owed") == []


def test_sweeps_delete_finished_rows(engine: Engine) -> None:
    (ben,) = add_users(engine, 1)
    sid = str(uuid.uuid4())
    session = (
        "INSERT INTO auth_sessions (id, user_id, expires_at) VALUES (CAST(:s AS uuid), :u, now() - interval '1 hour')"
    )
    with writing(engine) as conn:
        conn.execute(text(session), {"s": sid, "u": ben})
        push_targets.register(conn, NewTarget(ben, sid, "ios", "fcm", uuid.uuid4().hex))
        push_targets.register(conn, NewTarget(ben, str(uuid.uuid4()), "ios", "fcm", uuid.uuid4().hex, expires_ms=1))
    kept = add_target(engine, ben)
    with writing(engine) as conn:
        push_targets.forget_ended(conn)
    assert rows(engine, "SELECT id FROM push_targets") == [(kept,)]
    for conversation, ago in ((1, "8 days"), (2, "6 days")):
        enqueue(engine, ben, conversation, 1)
        (delivery,) = claim_deliveries(engine)
        end(engine, delivery, 1, "dropped")
        with writing(engine) as conn:
            conn.execute(
                text(f"UPDATE push_deliveries SET finished_at = now() - interval '{ago}' WHERE id = {delivery.id}")
            )
    with writing(engine) as conn:
        assert push_deliveries.sweep(conn, days=7) == 1
    assert rows(engine, "SELECT conversation_id FROM push_deliveries") == [(2,)]


def test_queued_notifications_move_with_their_platform_to_another_provider(engine: Engine) -> None:
    conversation, _, ben = add_pair(engine)
    add_target(engine, ben)
    enqueue(engine, ben, conversation, 1)
    queued = "SELECT provider, state, reason FROM push_deliveries"
    with writing(engine) as conn:
        push_deliveries.reassign(conn, {"android": "relay", "ios": "fcm"})
    assert rows(engine, queued) == [("relay", "pending", None)]
    with reading(engine) as conn:
        assert pending_pushes.next_due_ms(conn) is not None
    with writing(engine) as conn:
        push_deliveries.reassign(conn, {"ios": "fcm"})
    assert rows(engine, queued) == [("relay", "dropped", "no provider")]
    with writing(engine) as conn:
        assert pending_pushes.enqueue(
            conn, [PendingPush(ben, conversation, 2)], [], providers={"ios": "fcm"}, spacing_seconds=5
        ) == 0  # fmt: skip
        assert pending_pushes.next_due_ms(conn) is None


def test_next_due_time_covers_all_providers(engine: Engine) -> None:
    conversation, _, ben = add_pair(engine)
    add_target(engine, ben)
    for minutes, provider in ((5, "zebra"), (2, "middle"), (9, "alpha")):
        with writing(engine) as conn:
            conn.execute(
                text(
                    "INSERT INTO push_deliveries (target_id, user_id, conversation_id, seq, kind, provider, host,"
                    " due_at) VALUES (:m, :u, :c, 1, 'message', :p, 'h', now() + :m * interval '1 minute')"
                ),
                {"m": minutes, "u": ben, "c": conversation, "p": provider},
            )
    with reading(engine) as conn:
        due_ms = pending_pushes.next_due_ms(conn)
    assert due_ms is not None
    assert 110_000 < due_ms <= 120_000


def test_logged_out_session_cannot_register_a_device(engine: Engine) -> None:
    (ben,) = add_users(engine, 1)
    sid = str(uuid.uuid4())
    session = (
        "INSERT INTO auth_sessions (id, user_id, expires_at, revoked_at) VALUES (CAST(:s AS uuid), :u, now(), now())"
    )
    with writing(engine) as conn:
        conn.execute(text(session), {"s": sid, "u": ben})
        assert push_targets.register(conn, NewTarget(ben, sid, "ios", "fcm", uuid.uuid4().hex)) is None
    assert rows(engine, "SELECT 1 FROM push_targets") == []


def test_flask_vapid_prints_a_key_pair(settings: Settings) -> None:
    env = base_env(DATABASE_URL=settings.database_url, REDIS_URL=settings.redis_url, SECRET_KEY=settings.secret_key)
    result = flask(env, "vapid")
    assert result.returncode == 0, result.stderr
    private, public = (line.split("=" if "=" in line else ": ")[-1] for line in result.stdout.splitlines())
    assert public_key_of(private) == public
    assert json.dumps(private) not in result.stderr
