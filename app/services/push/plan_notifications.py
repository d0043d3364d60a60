"""Decides which devices to notify: claims pending rows, queues their notifications, and sets the time of the next
check.

The rules are in app/core/push_rules.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from redis import Redis
from sqlalchemy import Engine

from app.core.push_rules import QuietHours, RecipientState, Verdict, decide, is_quiet
from app.fanout.devices import in_use
from app.fanout.presence import online
from app.store import pending_pushes
from app.store.engine import reading, writing
from app.store.pending_pushes import PendingPush
from app.store.push_facts import PushFacts, load_facts
from app.store.undelivered import note_without_device

MAX_CLAIM = 200

Decided = tuple[PendingPush, Verdict, int]


def plan_notifications(
    engine: Engine,
    redis: Redis,
    *,
    providers: Mapping[str, str],
    confirm_seconds: float,
    spacing_seconds: float,
    limit: int = MAX_CLAIM,
) -> tuple[int, int]:
    """Handles one claim of pending rows. Returns how many rows it claimed and how many notifications it queued.

    ``providers`` maps platforms to providers. Safe to run concurrently and to repeat: if the process dies, the rows are
    due again after their lease. Raises Overloaded, RedisError.
    """
    with writing(engine) as connection:
        claimed = pending_pushes.claim(connection, limit)
    if claimed.lease is None:
        return 0, 0
    decided = _decide(engine, redis, claimed.rows, confirm_seconds)
    busy = in_use(redis, {row.user_id for row, verdict, _ in decided if verdict.notify == "idle"})
    up_to = [PendingPush(row.user_id, row.conversation_id, newest) for row, _, newest in decided]
    notify = [one for one, (_, verdict, _) in zip(up_to, decided, strict=True) if verdict.notify != "none"]
    again_ms = {(row.user_id, row.conversation_id): verdict.again_ms for row, verdict, _ in decided}
    with writing(engine) as connection:
        queued = pending_pushes.enqueue(connection, notify, busy, providers=providers, spacing_seconds=spacing_seconds)
        queued += pending_pushes.enqueue_corrections(connection, up_to, providers=providers)
        looked = [(user, conversation, again_ms.get((user, conversation), 0)) for user, conversation, _ in claimed.rows]
        pending_pushes.settle(connection, claimed.lease, looked)
        everywhere = [one for one, (_, verdict, _) in zip(up_to, decided, strict=True) if verdict.notify == "all"]
        note_without_device(connection, everywhere, providers)
    return len(claimed.rows), queued


def _decide(engine: Engine, redis: Redis, rows: Sequence[PendingPush], confirm_seconds: float) -> list[Decided]:
    """Returns the verdict for each row, and the seq of the newest message worth a notification.

    Rows whose conversation no longer exists are left out.
    """
    with reading(engine) as connection:
        facts = load_facts(connection, [(row.user_id, row.conversation_id) for row in rows])
    present = online(redis, {row.user_id for row in rows})
    now_ms = int(time.time() * 1000)
    decided = []
    for row in rows:
        known = facts.get((row.user_id, row.conversation_id))
        if known is not None:
            state = recipient_state(known, online=present[row.user_id][0], now_ms=now_ms)
            verdict = decide(state, now_ms=now_ms, confirm_ms=int(confirm_seconds * 1000))
            decided.append((row, verdict, known.newest))
    return decided


def newest_ms(facts: PushFacts) -> int:
    """Returns when the newest message was sent, or when an edit of it named the user."""
    return (facts.edited_ms if facts.newest == facts.named else facts.sent_ms) or 0


def recipient_state(facts: PushFacts, *, online: bool, now_ms: int) -> RecipientState:
    hours = None
    if facts.quiet_from is not None and facts.quiet_to is not None and facts.time_zone is not None:
        hours = QuietHours(facts.quiet_from, facts.quiet_to, facts.time_zone)
    return RecipientState(
        newest=facts.newest,
        newest_ms=newest_ms(facts),
        delivered=facts.delivered,
        named=facts.named,
        waiting_since_ms=facts.waiting_since_ms or 0,
        online=online,
        quiet=is_quiet(hours, now_ms) or (facts.do_not_disturb_ms or 0) > now_ms,
        while_active=facts.while_active,
    )
