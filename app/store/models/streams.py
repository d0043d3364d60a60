"""Streams: messages that still grow."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, Milliseconds


class Stream(Base):
    """An open stream. ``touched_at`` is when its text was last stored. The row is deleted when the stream ends.

    Redis has the open streams as well; this table serves to end them if Redis loses them.
    """

    __tablename__ = "streams"

    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    touched_at: Mapped[datetime] = mapped_column(Milliseconds, server_default=func.now())
