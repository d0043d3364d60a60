"""Pictures of users and groups, small enough for Postgres."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class Avatar(Base):
    """``original`` was uploaded, or is fetched from ``source``; ``picture`` is what viewers get. ``sweep_at`` is when
    work on it is due: processing, or the check whether it is still used.
    ``user_id`` is null for a group's picture that the host set.
    """

    __tablename__ = "avatars"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    conversation_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default="waiting")
    source: Mapped[str | None]
    original: Mapped[bytes | None] = mapped_column(LargeBinary)
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[CreatedAt]
    sweep_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_avatars_sweep_at", "sweep_at"), Index("ix_avatars_user_id", "user_id"))
