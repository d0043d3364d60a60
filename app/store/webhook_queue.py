"""The queue of deliveries to webhooks.

Invariants

* Deliveries of one lane to one webhook are made one after the other, in the order of events. A lane is claimed as a
  whole. The claim is a lease, which moves ``due_at`` to the end of the lease. A claimant stores outcomes only as long
  as it holds the lease.
* ``pending`` of a lane is the number of its pending deliveries. A transaction that adds deliveries or ends them also
  changes ``pending``. A lane without pending deliveries has no row.
* An event is queued once for each webhook. Its ``position`` moves in the transaction that queues.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, ms_of

# Longer than a worker sends one claim (services/webhooks/send_webhooks.py).
LEASE_SECONDS = 30
EVENTS_AT_ONCE = 500
EXPIRED = "expired"  # the error of a delivery whose event was deleted
# One claim has at most this many deliveries of a lane.
DELIVERIES_AT_ONCE = 20


class Target(NamedTuple):
    """A webhook that is on."""

    id: int
    url: str
    secret: str


class Due(NamedTuple):
    """A claimed delivery. ``failed``: how often the lane's first delivery has failed. ``since_ms``: when it was queued.
    ``data`` is None if the event was deleted. ``claimed_ms`` is the time of Postgres at the claim.
    """

    webhook_id: int
    lane: int
    lease: datetime
    failed: int
    event_id: int
    attempts: int
    since_ms: int
    type: str | None
    created_ms: int | None
    data: str | None
    claimed_ms: int


class Outcome(NamedTuple):
    """``state``: ``delivered``, ``failed``, or ``pending`` for one that is tried again."""

    webhook_id: int
    event_id: int
    state: str
    attempts: int
    status: int | None
    error: str | None


class LaneOutcome(NamedTuple):
    """``ended``: how many deliveries of the lane ended. ``failed``: failed attempts of the first remaining delivery,
    which is due after ``seconds``.
    """

    webhook_id: int
    lane: int
    lease: datetime
    ended: int
    failed: int
    seconds: float
    outcomes: list[Outcome]


_TARGETS = HotStatement("SELECT id, url, secret FROM webhooks WHERE state = 'on' ORDER BY id")
# New deliveries do not change when a lane that waits for a retry is due.
_QUEUE = HotStatement(f"""
    WITH hooks AS (
        SELECT id, position, types FROM webhooks WHERE state = 'on' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ), news AS (
        SELECT hooks.id AS webhook_id, e.id AS event_id, e.lane, types IS NULL OR e.type = ANY (types) AS wanted
        FROM hooks CROSS JOIN LATERAL (
            SELECT * FROM host_events AS e WHERE e.id > hooks.position ORDER BY e.id LIMIT {EVENTS_AT_ONCE}
        ) AS e
    ), moved AS (
        UPDATE webhooks AS w SET position = last
        FROM (SELECT webhook_id, max(event_id) AS last FROM news GROUP BY webhook_id) AS new
        WHERE w.id = webhook_id
    ), added AS (
        INSERT INTO webhook_deliveries (webhook_id, event_id, lane)
        SELECT webhook_id, event_id, lane FROM news WHERE wanted
        ON CONFLICT DO NOTHING RETURNING webhook_id, lane
    ), lanes AS (
        INSERT INTO webhook_lanes AS l (webhook_id, lane, pending, due_at)
        SELECT webhook_id, lane, count(*), now() FROM added GROUP BY webhook_id, lane ORDER BY webhook_id, lane
        ON CONFLICT (webhook_id, lane) DO UPDATE SET pending = l.pending + excluded.pending
    )
    SELECT (SELECT count(*) FROM news), (SELECT count(*) FROM added)
""")
_CLAIM = HotStatement(f"""
    WITH due AS (
        SELECT l.webhook_id, l.lane
        FROM unnest(CAST(:webhooks AS bigint[]), CAST(:rooms AS bigint[])) AS wanted (w, room)
        CROSS JOIN LATERAL (
            SELECT webhook_id, lane FROM webhook_lanes WHERE webhook_id = w AND due_at <= now()
            ORDER BY due_at LIMIT room FOR UPDATE SKIP LOCKED
        ) AS l
    ), leased AS (
        UPDATE webhook_lanes AS l SET due_at = now() + interval '{LEASE_SECONDS} seconds'
        FROM due WHERE l.webhook_id = due.webhook_id AND l.lane = due.lane
        RETURNING l.webhook_id, l.lane, l.due_at, l.attempts
    )
    SELECT l.webhook_id, l.lane, l.due_at, l.attempts, d.event_id, d.attempts, {ms_of("d.created_at")},
           e.type, {ms_of("e.created_at")}, e.data, {ms_of("clock_timestamp()")}
    FROM leased AS l CROSS JOIN LATERAL (
        SELECT * FROM webhook_deliveries AS d
        WHERE d.webhook_id = l.webhook_id AND d.lane = l.lane AND d.state = 'pending'
        ORDER BY d.event_id LIMIT {DELIVERIES_AT_ONCE}
    ) AS d LEFT JOIN host_events AS e ON e.id = d.event_id
    ORDER BY l.webhook_id, l.lane, d.event_id
""")
_END_LANES = HotStatement("""
    UPDATE webhook_lanes AS l SET pending = l.pending - ended, attempts = failed,
        due_at = now() + seconds * interval '1 second'
    FROM unnest(CAST(:webhooks AS bigint[]), CAST(:lanes AS bigint[]), CAST(:leases AS timestamptz[]),
                CAST(:ended AS bigint[]), CAST(:failed AS bigint[]), CAST(:seconds AS float8[]))
         AS done (w, n, lease, ended, failed, seconds)
    WHERE l.webhook_id = w AND l.lane = n AND l.due_at = lease
    RETURNING l.webhook_id, l.lane
""")
_FORGET_EMPTY = HotStatement("""
    DELETE FROM webhook_lanes USING unnest(CAST(:webhooks AS bigint[]), CAST(:lanes AS bigint[])) AS done (w, n)
    WHERE webhook_id = w AND lane = n AND pending <= 0
""")
_END = HotStatement("""
    UPDATE webhook_deliveries AS d SET state = s, attempts = a, status = nullif(http, 0), error = nullif(reason, ''),
        ended_at = CASE WHEN s <> 'pending' THEN now() END
    FROM unnest(CAST(:webhooks AS bigint[]), CAST(:events AS bigint[]), CAST(:states AS text[]),
                CAST(:attempts AS bigint[]), CAST(:statuses AS bigint[]), CAST(:errors AS text[]))
         AS done (w, e, s, a, http, reason)
    WHERE d.webhook_id = w AND d.event_id = e AND d.state = 'pending'
""")
_WORKING = HotStatement("""
    UPDATE webhooks SET delivered_at = now(), failing_since = NULL WHERE id = ANY (CAST(:ids AS bigint[]))
      AND (failing_since IS NOT NULL OR delivered_at IS NULL OR delivered_at < now() - interval '5 seconds')
""")
_FAILING = HotStatement("""
    UPDATE webhooks SET failing_since = now() WHERE id = ANY (CAST(:ids AS bigint[])) AND failing_since IS NULL
""")
# A claimed lane keeps its lease, which ends sooner.
_RETRY_NOW = HotStatement(f"""
    UPDATE webhook_lanes SET due_at = now()
    WHERE webhook_id = :webhook AND due_at > now() + 2 * interval '{LEASE_SECONDS} seconds'
""")
_SWITCH_OFF = HotStatement("""
    UPDATE webhooks SET state = 'off', off_reason = :reason
    WHERE id = ANY (CAST(:ids AS bigint[])) AND state = 'on' RETURNING id
""")
_FAILED_TOO_LONG = HotStatement("""
    UPDATE webhooks SET state = 'off', off_reason = :reason
    WHERE state = 'on' AND failing_since < now() - CAST(:seconds AS float8) * interval '1 second' RETURNING id
""")
_NEXT = HotStatement("""
    SELECT CAST(1000 * date_part('epoch', min(due) - now()) AS bigint) FROM (
        SELECT CASE WHEN EXISTS (SELECT FROM host_events AS e WHERE e.id > w.position) THEN now() ELSE (
            SELECT due_at FROM webhook_lanes AS l WHERE l.webhook_id = w.id ORDER BY due_at LIMIT 1) END AS due
        FROM webhooks AS w WHERE w.state = 'on'
          AND (CAST(:webhooks AS bigint[]) IS NULL OR w.id = ANY (CAST(:webhooks AS bigint[])))
    ) AS of_each
""")
_BACKLOG = HotStatement("""
    SELECT coalesce(sum(pending), 0), count(*) FILTER (WHERE l.attempts > 0),
           (SELECT count(*) FROM webhooks WHERE state = 'off')
    FROM webhook_lanes AS l JOIN webhooks AS w ON w.id = l.webhook_id AND w.state = 'on'
""")


def targets(conn: Connection) -> list[Target]:
    return [Target(*row) for row in _TARGETS.rows(conn)]


def queue_news(conn: Connection) -> tuple[int, int]:
    """Queues the next events for each webhook. Returns how many events it looked at, and the deliveries it added."""
    looked, added = _QUEUE.rows(conn)[0]
    return int(looked), int(added)


def claim(conn: Connection, rooms: Sequence[tuple[int, int]]) -> list[Due]:
    """Leases due lanes, at most ``number`` of each (webhook, number). Returns their first deliveries, by lane."""
    if not rooms:
        return []
    webhooks, numbers = zip(*rooms, strict=True)
    return [Due(*row) for row in _CLAIM.rows(conn, webhooks=int_array(webhooks), rooms=int_array(numbers))]


def end(conn: Connection, done: Sequence[LaneOutcome]) -> None:
    """Stores the outcomes of claimed lanes, without those whose lease was lost. Needs a transaction."""
    if not done:
        return
    done = sorted(done, key=lambda one: (one.webhook_id, one.lane))
    kept = _END_LANES.rows(
        conn,
        webhooks=int_array(one.webhook_id for one in done),
        lanes=int_array(one.lane for one in done),
        leases=text_array(one.lease.isoformat() for one in done),
        ended=int_array(one.ended for one in done),
        failed=int_array(one.failed for one in done),
        seconds="{" + ",".join(f"{one.seconds:.3f}" for one in done) + "}",
    )
    held = set(kept)
    outcomes = [outcome for one in done if (one.webhook_id, one.lane) in held for outcome in one.outcomes]
    _end_deliveries(conn, outcomes)
    if kept:
        webhooks, lanes = zip(*kept, strict=True)
        _FORGET_EMPTY.run(conn, webhooks=int_array(webhooks), lanes=int_array(lanes))


def _end_deliveries(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    _END.run(
        conn,
        webhooks=int_array(one.webhook_id for one in outcomes),
        events=int_array(one.event_id for one in outcomes),
        states=text_array(one.state for one in outcomes),
        attempts=int_array(one.attempts for one in outcomes),
        statuses=int_array(one.status or 0 for one in outcomes),
        errors=text_array(one.error or "" for one in outcomes),
    )
    working = {one.webhook_id for one in outcomes if one.state == "delivered"}
    failing = {one.webhook_id for one in outcomes if one.error != EXPIRED} - working
    if working:
        _WORKING.run(conn, ids=int_array(sorted(working)))
    if failing:
        _FAILING.run(conn, ids=int_array(sorted(failing)))


def retry_now(conn: Connection, webhook_id: int) -> None:
    """Makes this webhook's lanes due that wait for more than a minute."""
    _RETRY_NOW.run(conn, webhook=webhook_id)


def switch_off(conn: Connection, ids: Sequence[int], reason: str) -> list[int]:
    """Switches these webhooks off. Returns those that were on."""
    return [id_ for (id_,) in _SWITCH_OFF.rows(conn, ids=int_array(ids), reason=reason)] if ids else []


def switch_off_failing(conn: Connection, seconds: float, reason: str) -> list[int]:
    """Switches off webhooks whose deliveries have all failed for ``seconds``. Returns those webhooks."""
    return [id_ for (id_,) in _FAILED_TOO_LONG.rows(conn, seconds=seconds, reason=reason)]


def next_due_ms(conn: Connection, webhooks: Sequence[int] | None = None) -> int | None:
    """Returns in how many ms these webhooks, or all, have something due (0 or less: now), None if nothing waits. A lane
    that a worker has claimed is due when its lease ends.
    """
    (due,) = _NEXT.rows(conn, webhooks=None if webhooks is None else int_array(webhooks))[0]
    return None if due is None else int(due)


def backlog(conn: Connection) -> tuple[int, int, int]:
    """Returns the number of pending deliveries, of lanes that wait for a retry, and of webhooks that are off."""
    pending, retrying, off = _BACKLOG.rows(conn)[0]
    return int(pending), int(retrying), int(off)
