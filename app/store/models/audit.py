"""The audit: acts that matter for security."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt, IdentityKey


class AuditRow(Base):
    """One act, or ``count`` similar ones with the same ``key``. Users are not foreign keys: an audit outlives them."""

    __tablename__ = "audit"

    id: Mapped[IdentityKey]
    at: Mapped[CreatedAt]
    action: Mapped[str]
    actor_id: Mapped[int | None]
    target_id: Mapped[int | None]
    address: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    count: Mapped[int] = mapped_column(Integer, server_default="1")
    last_at: Mapped[datetime | None]
    key: Mapped[str | None]

    __table_args__ = (
        Index("ix_audit_actor_id", "actor_id", "id", postgresql_where="actor_id IS NOT NULL"),
        Index("ix_audit_target_id", "target_id", "id", postgresql_where="target_id IS NOT NULL"),
        Index("ix_audit_action", "action", "id"),
        Index("ix_audit_key", "key", unique=True, postgresql_where="key IS NOT NULL"),
        Index("ix_audit_counted", "at", postgresql_where="key IS NOT NULL"),
    )
