"""The audit: one row per act, and one per hour for acts that anybody can repeat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.audit import AuditFilter
from app.store.models import AuditRow
from app.store.sql import as_ms, moment, structs


class NewAct(Struct, frozen=True):
    action: str
    actor_id: int | None
    target_id: int | None
    address: str | None
    details: dict[str, Any] | None


class StoredAct(Struct, frozen=True):
    id: int
    at_ms: int
    action: str
    actor_id: int | None
    target_id: int | None
    address: str | None
    details: dict[str, Any] | None
    count: int
    last_ms: int | None


# In the order of StoredAct's fields.
_COLUMNS = (
    AuditRow.id,
    as_ms(AuditRow.at),
    AuditRow.action,
    AuditRow.actor_id,
    AuditRow.target_id,
    AuditRow.address,
    AuditRow.details,
    AuditRow.count,
    as_ms(AuditRow.last_at),
)


def insert_act(conn: Connection, act: NewAct) -> None:
    conn.execute(insert(AuditRow).values(_values(act)))


def insert_acts(conn: Connection, acts: Sequence[NewAct]) -> None:
    conn.execute(insert(AuditRow), [_values(act) for act in acts])


def count_act(conn: Connection, key: str, act: NewAct) -> None:
    """Raises the count of the row with this key, or inserts it."""
    if not _raise_count(conn, key):
        new = insert(AuditRow).values(_values(act) | {"key": key})
        again = {"count": AuditRow.count + 1, "last_at": func.now()}
        is_key = AuditRow.key.is_not(None)
        conn.execute(new.on_conflict_do_update(index_elements=[AuditRow.key], index_where=is_key, set_=again))


def has_key(conn: Connection, key: str) -> bool:
    return conn.execute(select(AuditRow.id).where(AuditRow.key == key)).first() is not None


def counted_rows(conn: Connection, since_ms: int, limit: int) -> int:
    """Returns how many rows with a key began since then, at most ``limit``."""
    begun = select(AuditRow.id).where(AuditRow.key.is_not(None), AuditRow.at >= moment(since_ms)).limit(limit)
    return conn.execute(select(func.count()).select_from(begun.subquery())).scalar_one()


def list_acts(conn: Connection, wanted: AuditFilter, before: int | None, limit: int) -> list[StoredAct]:
    """Returns the newest ``limit`` acts with ids less than ``before``, newest first."""
    conditions = [*_conditions(wanted), *([] if before is None else [AuditRow.id < before])]
    newest = select(*_COLUMNS).where(*conditions).order_by(AuditRow.id.desc()).limit(limit)
    return structs(StoredAct, conn.execute(newest))


def forget_old(conn: Connection, days: float, limit: int = 1000) -> int:
    """Deletes up to ``limit`` rows that are older than this; returns how many. For a sweep."""
    # Ids rise with time, so the oldest rows are the first of the primary key.
    oldest = select(AuditRow.id).order_by(AuditRow.id).limit(limit)
    is_old = AuditRow.at < func.now() - timedelta(days=days)
    return conn.execute(delete(AuditRow).where(AuditRow.id.in_(oldest), is_old)).rowcount


def _raise_count(conn: Connection, key: str) -> bool:
    again = update(AuditRow).where(AuditRow.key == key)
    return conn.execute(again.values(count=AuditRow.count + 1, last_at=func.now())).rowcount > 0


def _values(act: NewAct) -> dict[str, Any]:
    return {name: getattr(act, name) for name in act.__struct_fields__}


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.user_id is not None:
        conditions.append(or_(AuditRow.actor_id == wanted.user_id, AuditRow.target_id == wanted.user_id))
    if wanted.action is not None:
        conditions.append(AuditRow.action == wanted.action)
    if wanted.since_ms is not None:
        conditions.append(func.coalesce(AuditRow.last_at, AuditRow.at) >= moment(wanted.since_ms))
    return conditions
