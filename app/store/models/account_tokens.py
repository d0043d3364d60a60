"""Links that were sent by e-mail or given out by an operator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class AccountToken(Base):
    """A token that works once. Only its SHA-256 is stored. ``email`` is the address that it confirms."""

    __tablename__ = "account_tokens"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    email: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("purpose IN ('verify-email', 'reset-password')", name="purpose"),
        Index("ix_account_tokens_user_id", "user_id"),
        Index("ix_account_tokens_expires_at", "expires_at"),
    )
