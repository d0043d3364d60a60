"""Rows of the push queue, as the drain, the runner and the senders write them."""

from __future__ import annotations

import uuid

from sqlalchemy import Engine, text

from app.store import pending_pushes, push_deliveries, push_targets
from app.store.batch_pending_pushes import PushTrigger
from app.store.batch_writes import store_batch_and_enqueue_pushes
from app.store.engine import reading, writing
from app.store.epochs import read_epoch
from app.store.pending_pushes import PendingPush
from app.store.push_deliveries import Delivery, Ended
from app.store.push_targets import NewTarget
from tests.factories.store import new_message

PROVIDERS = {"android": "fcm"}


def add_target(engine: Engine, user: int) -> int:
    token = uuid.uuid4().hex
    with writing(engine) as conn:
        made = push_targets.register(conn, NewTarget(user, str(uuid.uuid4()), "android", "fcm", token))
    assert made is not None
    return made


def epoch(engine: Engine) -> int:
    with reading(engine) as conn:
        return read_epoch(conn).number


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with reading(engine) as conn:
        return [tuple(row) for row in conn.execute(text(query))]


def send(engine: Engine, conversation: int, sender: int, *seqs: int, kind: str = "text") -> int:
    messages = [new_message(conversation, seq, sender, kind=kind) for seq in seqs]
    triggers = [] if kind == "system" else [PushTrigger(conversation, max(seqs), sender)]
    return store_batch_and_enqueue_pushes(engine, epoch(engine), messages, triggers=lambda: triggers).pushes


def enqueue(engine: Engine, user: int, conversation: int, seq: int) -> int:
    with writing(engine) as conn:
        return pending_pushes.enqueue(
            conn, [PendingPush(user, conversation, seq)], [], providers=PROVIDERS, spacing_seconds=5
        )


def claim_deliveries(engine: Engine) -> list[Delivery]:
    with writing(engine) as conn:
        return push_deliveries.claim(conn, "fcm", 100)


def end(engine: Engine, delivery: Delivery, shown_seq: int, state: push_deliveries.State = "sent") -> None:
    with writing(engine) as conn:
        push_deliveries.end(conn, [Ended(delivery, state, "", shown_seq)], spacing_seconds=5)
