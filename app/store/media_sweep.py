"""Media that need attention later: after a crash, for an upload that no message names, for a deleted message."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Float, Text, case, cast, delete, func, or_, select, union, update

from app.store.media import STORAGE_SETTLE_SECONDS, UNUSED_SECONDS
from app.store.models import Media, MediaUse

# An announcement may still be on its way through the log, so it counts as missing only after this time.
ANNOUNCING_SECONDS = 10

_IS_USED = select(MediaUse.media_id).where(MediaUse.media_id == Media.id).exists()
_IS_SETTLED = Media.state.in_(("ready", "failed"))
_IS_DUE = Media.sweep_at <= func.now()
_UNUSED = timedelta(seconds=UNUSED_SECONDS)
_SETTLE = timedelta(seconds=STORAGE_SETTLE_SECONDS)


class Due(NamedTuple):
    id: str
    state: str


class PendingMedia(NamedTuple):
    """``media``: the number to process; ``age_seconds``: the age of the oldest of them; ``staged_bytes``: the size of
    all files in Postgres. Uploads that are being received count with their declared size."""

    media: int
    age_seconds: float
    staged_bytes: int


def count_pending(conn: Connection) -> PendingMedia:
    """Cheap, because the index contains only media that are not settled."""
    is_processing = Media.state == "processing"
    oldest = func.min(Media.created_at).filter(is_processing)
    columns = (
        func.count().filter(is_processing),
        cast(func.coalesce(func.date_part("epoch", func.now() - oldest), 0), Float),
        func.coalesce(func.sum(Media.bytes).filter(~Media.direct), 0),
    )
    row = conn.execute(select(*columns).where(Media.state.in_(("receiving", "awaiting", "processing")))).one()
    return PendingMedia(row[0], row[1], int(row[2]))


def find_due(conn: Connection, limit: int = 100) -> list[Due]:
    """Returns media whose ``sweep_at`` has passed, the longest overdue first."""
    due = select(cast(Media.id, Text), Media.state).where(_IS_DUE).order_by(Media.sweep_at).limit(limit)
    return [Due(*row) for row in conn.execute(due)]


def postpone(conn: Connection, item: Due, seconds: float) -> bool:
    """Moves the next sweep of a due medium. Returns False if its state or its sweep has changed since."""
    return _sweep_in(conn, item, seconds, only_if_due=True)


def retry_later(conn: Connection, item: Due, seconds: float) -> None:
    """Moves the next sweep after a failed attempt."""
    _sweep_in(conn, item, seconds, only_if_due=False)


def _sweep_in(conn: Connection, item: Due, seconds: float, *, only_if_due: bool) -> bool:
    same = update(Media).where(Media.id == UUID(item.id), Media.state == item.state)
    if only_if_due:
        same = same.where(_IS_DUE)
    return conn.execute(same.values(sweep_at=func.now() + timedelta(seconds=seconds))).rowcount > 0


def schedule_expiry(conn: Connection, id_: str, state: str) -> None:
    """Nothing is left to retry. A medium that a message names needs no sweep; any other is swept after a day."""
    unused_until = func.greatest(func.now(), Media.created_at + _UNUSED)
    settled = update(Media).where(Media.id == UUID(id_), Media.state == state)
    conn.execute(settled.values(sweep_at=case((_IS_USED, None), else_=unused_until)))


def is_expired(conn: Connection, id_: str) -> bool:
    """Returns whether the medium is settled, a day old, and named by no message. Locks its row in a transaction."""
    is_old = Media.created_at <= func.now() - _UNUSED
    expired = select(Media.id).where(Media.id == UUID(id_), _IS_SETTLED, is_old, ~_IS_USED)
    return conn.execute(expired.with_for_update()).first() is not None


def is_idle(conn: Connection, id_: str) -> bool:
    """Returns whether no worker holds a lease on the medium, so that none can be uploading it to the storage."""
    has_no_lease = or_(Media.lease_until.is_(None), Media.lease_until <= func.now())
    return conn.execute(select(Media.id).where(Media.id == UUID(id_), has_no_lease)).first() is not None


def forget_removed(conn: Connection, id_: str) -> None:
    """Deletes the row of a medium whose asset was removed from the storage.

    If the last upload attempt is recent, the storage may accept it only after the removal. The row then stays, and the
    asset is removed once more later.
    """
    has_settled = or_(Media.attempted_at.is_(None), Media.attempted_at <= func.now() - _SETTLE)
    this_one = Media.id == UUID(id_), Media.state == "deleting"
    if not conn.execute(delete(Media).where(*this_one, has_settled)).rowcount:
        conn.execute(update(Media).where(*this_one).values(sweep_at=Media.attempted_at + _SETTLE))


def unannounced(conn: Connection, limit: int = 100) -> list[str]:
    """Returns settled media that were not announced at all, or not in one of the messages that name them."""
    id_ = cast(Media.id, Text)
    before = func.now() - timedelta(seconds=ANNOUNCING_SECONDS)
    never = select(id_).where(Media.version == 0, _IS_SETTLED, Media.created_at < before)
    in_a_message = select(id_).join(MediaUse, MediaUse.media_id == Media.id).where(~MediaUse.announced, _IS_SETTLED)
    found = union(never.order_by(Media.created_at).limit(limit), in_a_message.limit(limit))
    return list(conn.execute(found).scalars())
