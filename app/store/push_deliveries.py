"""The queue of notifications to devices, and the outcome of each.

Invariants:

* A claim is a lease, as in pending_pushes.py. If a worker dies, another one sends its notifications. A notification
  that was sent twice has the same tag, so the device displays it once.
* A notification that changed while it was being sent (a newer message arrived, or all were read) stays pending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, ms_of

# Longer than the timeout of any push service. If it is still too short, a notification is sent twice with one tag.
SEND_LEASE_SECONDS = 20
RECHECK_SECONDS = 1

State = Literal["sent", "dropped", "refused", "gone", "expired"]


class Delivery(NamedTuple):
    """A claimed notification and its target. ``platform`` is None if the target was deleted or now belongs to another
    user. ``shown`` is the seq of the message that the device displays, ``shown_edited_ms`` the edit of it; 0 if none.
    """

    id: int
    target_id: int
    user_id: int
    conversation_id: int
    seq: int
    kind: str
    attempts: int
    lease: datetime
    host: str
    platform: str | None
    address: str
    p256dh: str | None
    auth: str | None
    shown: int
    shown_edited_ms: int
    locale: str | None = None  # the user's choice, otherwise the locale of the device


class Ended(NamedTuple):
    """``shown`` is the seq of the message that the device displays now, ``edited_ms`` the edit of it; 0 if none."""

    delivery: Delivery
    state: State
    reason: str
    shown: int
    edited_ms: int = 0


class Postponed(NamedTuple):
    delivery: Delivery
    seconds: float
    reason: str


_CLAIM = HotStatement(f"""
    WITH due AS (
        SELECT id FROM push_deliveries
        WHERE state = 'pending' AND provider = :provider AND due_at <= now() AND host <> ALL (CAST(:without AS text[]))
        ORDER BY due_at, user_id LIMIT :limit FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE push_deliveries AS d
        SET due_at = now() + interval '{SEND_LEASE_SECONDS} seconds', attempts = attempts + 1
        FROM due WHERE d.id = due.id RETURNING d.*
    )
    SELECT d.id, d.target_id, d.user_id, d.conversation_id, d.seq, d.kind, d.attempts, d.due_at, d.host,
           t.platform, coalesce(t.address, ''), t.p256dh, t.auth, coalesce(w.seq, 0),
           coalesce({ms_of("w.edited_at")}, 0),
           coalesce(u.locale, t.locale)
    FROM claimed AS d
    LEFT JOIN users AS u ON u.id = d.user_id
    LEFT JOIN push_targets AS t ON t.id = d.target_id AND t.user_id = d.user_id
    LEFT JOIN push_shown AS w ON w.target_id = d.target_id AND w.conversation_id = d.conversation_id
""")
_END = HotStatement("""
    UPDATE push_deliveries AS d SET
        state = CASE WHEN d.seq <= shown AND d.kind = k THEN s ELSE 'pending' END,
        reason = CASE WHEN d.seq <= shown AND d.kind = k THEN nullif(r, '') END,
        finished_at = CASE WHEN d.seq <= shown AND d.kind = k THEN now() END,
        attempts = CASE WHEN d.seq <= shown AND d.kind = k THEN d.attempts ELSE 0 END,
        due_at = CASE WHEN d.seq <= shown AND d.kind = k THEN d.due_at
                      ELSE now() + CAST(:spacing AS float8) * interval '1 second' END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:shown AS bigint[]), CAST(:kinds AS text[]), CAST(:states AS text[]),
                CAST(:reasons AS text[])) AS ended (i, shown, k, s, r)
    WHERE d.id = i AND d.state = 'pending' RETURNING d.id
""")
# Each displayed notification is checked once more. A read mark or a deletion that was stored while the notification was
# on its way found nothing displayed, so the notification would stay. After RECHECK_SECONDS, the transactions that could
# not see this row have ended.
_SHOW = HotStatement(f"""
    WITH shown AS (
        INSERT INTO push_shown AS w (target_id, conversation_id, user_id, seq, sent_at, edited_at)
        SELECT t.id, c, t.user_id, s, now(), CASE WHEN e > 0 THEN to_timestamp(CAST(e AS float8) / 1000) END
        FROM unnest(CAST(:targets AS bigint[]), CAST(:conversations AS bigint[]), CAST(:users AS bigint[]),
                    CAST(:seqs AS bigint[]), CAST(:edits AS bigint[])) AS shown (t, c, u, s, e)
        JOIN push_targets AS t ON t.id = shown.t AND t.user_id = u
        ORDER BY t.id, c FOR KEY SHARE OF t
        ON CONFLICT (target_id, conversation_id) DO UPDATE
        SET seq = excluded.seq, sent_at = excluded.sent_at, user_id = excluded.user_id, edited_at = excluded.edited_at
        RETURNING user_id, conversation_id, seq
    )
    INSERT INTO push_owed AS o (user_id, conversation_id, seq, due_at)
    SELECT user_id, conversation_id, 0, now() + interval '{RECHECK_SECONDS} seconds' FROM shown WHERE seq > 0
    GROUP BY user_id, conversation_id ORDER BY user_id, conversation_id
    ON CONFLICT (user_id, conversation_id) DO UPDATE SET due_at = least(o.due_at, excluded.due_at)
    RETURNING 1
""")
_POSTPONE = HotStatement("""
    UPDATE push_deliveries AS d SET due_at = now() + seconds * interval '1 second', reason = r
    FROM unnest(CAST(:ids AS bigint[]), CAST(:seconds AS float8[]), CAST(:reasons AS text[])) AS late (i, seconds, r)
    WHERE d.id = i AND d.state = 'pending' RETURNING d.id
""")
_REASSIGN = HotStatement("""
    UPDATE push_deliveries AS d SET provider = served.provider
    FROM push_targets AS t
    JOIN unnest(CAST(:platforms AS text[]), CAST(:providers AS text[])) AS served (platform, provider)
        ON served.platform = t.platform
    WHERE d.state = 'pending' AND t.id = d.target_id AND d.provider <> served.provider
""")
_DROP_UNSERVED = HotStatement("""
    UPDATE push_deliveries SET state = 'dropped', reason = 'no provider', finished_at = now()
    WHERE state = 'pending' AND provider <> ALL (CAST(:providers AS text[]))
""")
_FORGET_TARGETS = HotStatement("DELETE FROM push_targets WHERE id = ANY (CAST(:ids AS bigint[]))")
_SWEEP = (
    HotStatement("""
        DELETE FROM push_deliveries WHERE id IN (
            SELECT id FROM push_deliveries WHERE finished_at < now() - CAST(:days AS float8) * interval '1 day'
            ORDER BY finished_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """),
    HotStatement("""
        DELETE FROM push_shown WHERE (target_id, conversation_id) IN (
            SELECT target_id, conversation_id FROM push_shown WHERE sent_at < now() - interval '30 days'
            ORDER BY sent_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    """),
)


def reassign(conn: Connection, providers: Mapping[str, str]) -> None:
    """Gives queued notifications to the provider that serves their platform now, and drops those without one.

    ``providers`` maps platforms to providers. They change when a deployment adds or removes a provider. Needs
    a transaction.
    """
    names = text_array(providers.values())
    _REASSIGN.run(conn, platforms=text_array(providers.keys()), providers=names)
    _DROP_UNSERVED.run(conn, providers=names)


def claim(conn: Connection, provider: str, limit: int, without: Sequence[str] = ()) -> list[Delivery]:
    """Leases up to ``limit`` due notifications for ``SEND_LEASE_SECONDS``, except those to the hosts ``without``.

    Notifications that are due at the same moment are sorted by user, so that unread messages are counted once per user.
    """
    rows = _CLAIM.rows(conn, provider=provider, limit=limit, without=text_array(without))
    return [Delivery(*row) for row in rows]


def end(conn: Connection, ended: Sequence[Ended], *, spacing_seconds: float) -> None:
    """Stores the outcomes and the displayed seqs, and deletes the targets that are ``gone``. Needs a transaction."""
    if not ended:
        return
    ended = sorted(ended, key=lambda one: one.delivery.id)
    _END.rows(
        conn,
        ids=int_array(one.delivery.id for one in ended),
        # Deliveries that displayed nothing keep the seq they were claimed with.
        shown=int_array(max(one.shown, one.delivery.seq) for one in ended),
        kinds=text_array(one.delivery.kind for one in ended),
        states=text_array(one.state for one in ended),
        reasons=text_array(one.reason for one in ended),
        spacing=spacing_seconds,
    )
    sent = [one for one in ended if one.state == "sent"]
    if sent:
        _SHOW.rows(
            conn,
            targets=int_array(one.delivery.target_id for one in sent),
            conversations=int_array(one.delivery.conversation_id for one in sent),
            users=int_array(one.delivery.user_id for one in sent),
            seqs=int_array(0 if one.delivery.kind == "clear" else one.shown for one in sent),
            edits=int_array(one.edited_ms for one in sent),
        )
    gone = {one.delivery.target_id for one in ended if one.state == "gone"}
    if gone:
        _FORGET_TARGETS.run(conn, ids=int_array(gone))


def postpone(conn: Connection, late: Sequence[Postponed]) -> None:
    """Makes the notifications due again later."""
    if late:
        late = sorted(late, key=lambda one: one.delivery.id)
        _POSTPONE.rows(
            conn,
            ids=int_array(one.delivery.id for one in late),
            seconds="{" + ",".join(f"{one.seconds:.3f}" for one in late) + "}",
            reasons=text_array(one.reason for one in late),
        )


def sweep(conn: Connection, *, days: float, limit: int = 5000) -> int:
    """Deletes up to ``limit`` notifications that ended more than ``days`` ago, and displays of more than a month ago.

    Returns how many rows were deleted.
    """
    return sum(statement.run(conn, days=days, limit=limit) for statement in _SWEEP)
