"""Reads the audit, for administrators and for the command line."""

from __future__ import annotations

from typing import cast

from msgspec import UNSET, UnsetType
from sqlalchemy import Engine

from app.core.audit import Action, AuditEntry, AuditFilter, AuditPage
from app.core.errors import Invalid
from app.core.times import rfc3339
from app.store import audit as store
from app.store.audit import StoredAct
from app.store.engine import reading


def list_audit(wanted: AuditFilter, cursor: str | None, limit: int, *, engine: Engine) -> AuditPage:
    """Returns a page, newest first. Raises Invalid for a malformed cursor."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid.field("cursor", "is not a cursor of this list")
    with reading(engine) as conn:
        found = store.list_acts(conn, wanted, None if cursor is None else int(cursor), limit + 1)
    page = found[:limit]
    return AuditPage(entries=[_entry(act) for act in page], cursor=str(page[-1].id) if len(found) > limit else UNSET)


def _entry(act: StoredAct) -> AuditEntry:
    return AuditEntry(
        id=act.id,
        at=rfc3339(act.at_ms),
        action=cast(Action, act.action),
        actor_id=_or_unset(act.actor_id),
        target_id=_or_unset(act.target_id),
        address=UNSET if act.address is None else act.address,
        details=UNSET if act.details is None else act.details,
        count=act.count,
        last_at=UNSET if act.last_ms is None else rfc3339(act.last_ms),
    )


def _or_unset(number: int | None) -> int | UnsetType:
    return UNSET if number is None else number
