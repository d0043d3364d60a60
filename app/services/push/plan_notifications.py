"""Decide what is owed: for claimed rows, which devices are notified now, which notifications go, and what is looked at
again later (app/core/push_rules.py has the rules).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from redis import Redis
from sqlalchemy import Engine

from app.core.push_rules import QuietHours, Situation, Verdict, decide, is_quiet
from app.fanout.devices import in_use
from app.fanout.presence import online
from app.store import pending_pushes
from app.store.engine import reading, writing
from app.store.pending_pushes import PendingPush
from app.store.push_facts import PushFacts, load_facts

MAX_LOOK = 200


def plan_notifications(
    engine: Engine, redis: Redis, *, confirm_seconds: float, spacing_seconds: float, most: int = MAX_LOOK
) -> tuple[int, int]:
    """One claim. Returns how many rows were looked at and how many notifications are queued by it.

    Safe to run beside others, and again: where this one dies, its rows are due again after their lease. Raise
    Overloaded, RedisError.
    """
    with writing(engine) as connection:
        claimed = pending_pushes.claim(connection, most)
    if claimed.lease is None:
        return 0, 0
    verdicts = _judge(engine, redis, claimed.rows, confirm_seconds)
    busy = in_use(redis, {row.user_id for row, verdict, _ in verdicts if verdict.tell == "idle"})
    tell = [PendingPush(row.user_id, row.conversation_id, newest) for row, v, newest in verdicts if v.tell != "nobody"]
    left = [PendingPush(row.user_id, row.conversation_id, newest) for row, _, newest in verdicts]
    looked = {(row.user_id, row.conversation_id): verdict.again_ms for row, verdict, _ in verdicts}
    with writing(engine) as connection:
        queued = pending_pushes.tell(connection, tell, busy, spacing_seconds=spacing_seconds)
        queued += pending_pushes.clear(connection, left)
        pending_pushes.settle(
            connection, claimed.lease, [(r[0], r[1], looked.get((r[0], r[1]), 0)) for r in claimed.rows]
        )
    return len(claimed.rows), queued


def _judge(
    engine: Engine, redis: Redis, rows: Sequence[PendingPush], confirm_seconds: float
) -> list[tuple[PendingPush, Verdict, int]]:
    """Of each row whose conversation is still there: the verdict, and up to which seq there is something to tell."""
    with reading(engine) as connection:
        facts = load_facts(connection, [(row.user_id, row.conversation_id) for row in rows])
    here = online(redis, {row.user_id for row in rows})
    now_ms = int(time.time() * 1000)
    judged = []
    for row in rows:
        known = facts.get((row.user_id, row.conversation_id))
        if known is not None:
            at = situation(known, online=here[row.user_id][0], now_ms=now_ms)
            verdict = decide(at, now_ms=now_ms, confirm_ms=int(confirm_seconds * 1000))
            judged.append((row, verdict, known.newest))
    return judged


def situation(facts: PushFacts, *, online: bool, now_ms: int) -> Situation:
    hours = None
    if facts.quiet_from is not None and facts.quiet_to is not None and facts.time_zone is not None:
        hours = QuietHours(facts.quiet_from, facts.quiet_to, facts.time_zone)
    return Situation(
        newest=facts.newest,
        newest_ms=facts.sent_ms or 0,
        delivered=facts.delivered,
        waiting_since_ms=facts.waiting_since_ms or 0,
        online=online,
        quiet=is_quiet(hours, now_ms),
        while_active=facts.while_active,
    )
