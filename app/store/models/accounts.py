"""Deleted accounts, and how much of their data is removed so far."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class AccountDeletion(Base):
    """``erase``: messages are removed as well. This is done up to ``seq`` of ``conversation_id``."""

    __tablename__ = "account_deletions"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    erase: Mapped[bool]
    conversation_id: Mapped[int] = mapped_column(server_default="0")
    seq: Mapped[int] = mapped_column(server_default="0")
    requested_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        # Small: only the rows that a sweep needs.
        Index("ix_account_deletions_unfinished", "user_id", postgresql_where="finished_at IS NULL"),
    )
