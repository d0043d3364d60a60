"""Invites: codes that let users join a group."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class Invite(Base):
    """Valid until it expires, is used up or is revoked. Null ``expires_at`` or ``max_uses`` means no limit."""

    __tablename__ = "invites"

    code: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    created_by: Mapped[int]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    max_uses: Mapped[int | None] = mapped_column(Integer)
    uses: Mapped[int] = mapped_column(Integer, server_default="0")
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_invites_conversation_id", "conversation_id"),)
