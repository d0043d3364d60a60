"""What is owed of media: by whoever died, by an upload that nobody named, by a message that was deleted."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from app.store.media import LATE_SECONDS, UNNAMED_SECONDS
from app.store.sql import HotStatement

# An announcement that is on its way through the log is not owed yet.
UNTOLD_SECONDS = 10


class Due(NamedTuple):
    id: str
    state: str


class Waiting(NamedTuple):
    """Media that are not ready: how many are to be processed, the age of the oldest of them, and the bytes of files in
    Postgres, those still being received as long as they say they are."""

    media: int
    age_seconds: float
    staged_bytes: int


_WAITING = HotStatement("""
    SELECT count(*) FILTER (WHERE state = 'processing'),
           CAST(coalesce(date_part('epoch', now() - min(created_at) FILTER (WHERE state = 'processing')), 0) AS float8),
           CAST(coalesce(sum(bytes) FILTER (WHERE NOT direct), 0) AS bigint)
    FROM media WHERE state IN ('receiving', 'awaiting', 'processing')
""")
_DUE = HotStatement("""
    SELECT CAST(id AS text), state FROM media WHERE sweep_at <= now() ORDER BY sweep_at LIMIT :limit
""")
_LATER = HotStatement("""
    UPDATE media SET sweep_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = :state AND sweep_at <= now() RETURNING 1
""")
_AGAIN = HotStatement("""
    UPDATE media SET sweep_at = now() + make_interval(secs => :seconds)
    WHERE id = CAST(:id AS uuid) AND state = :state RETURNING 1
""")
# A failed one that a message names stays as that message's; another goes after a day.
_AT_REST = HotStatement(f"""
    UPDATE media AS m SET sweep_at = CASE
        WHEN EXISTS (SELECT FROM media_uses WHERE media_id = m.id) THEN NULL
        ELSE greatest(now(), created_at + make_interval(secs => {UNNAMED_SECONDS})) END
    WHERE id = CAST(:id AS uuid) AND state = :state RETURNING 1
""")
_EXPIRED = HotStatement(f"""
    SELECT CAST(id AS text) FROM media AS m
    WHERE id = CAST(:id AS uuid) AND state IN ('ready', 'failed')
      AND created_at <= now() - make_interval(secs => {UNNAMED_SECONDS})
      AND NOT EXISTS (SELECT FROM media_uses WHERE media_id = m.id) FOR UPDATE
""")
_NOBODY_WORKS = HotStatement("""
    SELECT 1 FROM media WHERE id = CAST(:id AS uuid) AND (lease_until IS NULL OR lease_until <= now())
""")
# Its asset was removed. What the storage took too late to be seen then is removed once more.
_GONE = HotStatement(f"""
    DELETE FROM media WHERE id = CAST(:id AS uuid) AND state = 'deleting'
      AND (attempted_at IS NULL OR attempted_at <= now() - make_interval(secs => {LATE_SECONDS})) RETURNING 1
""")
_ONCE_MORE = HotStatement(f"""
    UPDATE media SET sweep_at = attempted_at + make_interval(secs => {LATE_SECONDS})
    WHERE id = CAST(:id AS uuid) AND state = 'deleting' RETURNING 1
""")
_UNTOLD = HotStatement(f"""
    (SELECT CAST(id AS text) FROM media
     WHERE version = 0 AND state IN ('ready', 'failed') AND created_at < now() - make_interval(secs => {UNTOLD_SECONDS})
     ORDER BY created_at LIMIT :limit)
    UNION
    (SELECT CAST(m.id AS text) FROM media_uses AS x JOIN media AS m ON m.id = x.media_id
     WHERE NOT x.told AND m.state IN ('ready', 'failed') LIMIT :limit)
""")


def waiting(conn: Connection) -> Waiting:
    """Cheap: of what is ready the index has nothing."""
    return Waiting(*_WAITING.rows(conn)[0])


def due(conn: Connection, limit: int = 100) -> list[Due]:
    return [Due(*row) for row in _DUE.rows(conn, limit=limit)]


def look_later(conn: Connection, item: Due, seconds: float) -> bool:
    """False where it moved on meanwhile."""
    return bool(_LATER.rows(conn, id=item.id, state=item.state, seconds=seconds))


def try_again(conn: Connection, item: Due, seconds: float) -> None:
    """Something was tried, and is to be tried again then."""
    _AGAIN.rows(conn, id=item.id, state=item.state, seconds=seconds)


def put_at_rest(conn: Connection, id_: str, state: str) -> None:
    """Nothing is owed of it: never, where a message names it; else until its day is over."""
    _AT_REST.rows(conn, id=id_, state=state)


def is_expired(conn: Connection, id_: str) -> bool:
    """Whether its day is over and nobody named it. Holds the row, in a transaction."""
    return bool(_EXPIRED.rows(conn, id=id_))


def nobody_works_at(conn: Connection, id_: str) -> bool:
    """Whether no worker may be bringing it to the storage at this moment."""
    return bool(_NOBODY_WORKS.rows(conn, id=id_))


def asset_removed(conn: Connection, id_: str) -> None:
    """Forget the row; or look again, where the storage may still take what was on its way."""
    if not _GONE.rows(conn, id=id_):
        _ONCE_MORE.rows(conn, id=id_)


def untold(conn: Connection, limit: int = 100) -> list[str]:
    """Media whose end was not told, or not in a message that names them."""
    return [id_ for (id_,) in _UNTOLD.rows(conn, limit=limit)]
