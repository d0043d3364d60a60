"""Second factors of accounts, and their recovery codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class SecondFactor(Base):
    """``secret`` is encrypted. The factor counts once it is confirmed. No code of ``last_step`` or before works."""

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """Only the SHA-256 of a code is stored. A used code has no row."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[int] = mapped_column(ForeignKey("second_factors.user_id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
