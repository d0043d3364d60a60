"""Exports: files of users' own data, in pieces."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class Export(Base):
    __tablename__ = "exports"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default="pending")
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('pending', 'ready', 'failed')", name="state"),
        Index("ix_exports_user_id", "user_id"),
        # Small: only the rows that the sweeps need.
        Index("ix_exports_pending", "created_at", postgresql_where="state = 'pending'"),
        Index("ix_exports_expires_at", "expires_at"),
    )


class ExportChunk(Base):
    """The ``n``-th piece of the file."""

    __tablename__ = "export_chunks"

    export_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes]
