"""Blocks between users, requests to add them to groups, and reports of messages."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt, IdentityKey


class Block(Base):
    """``user_id`` has blocked ``blocked_id``."""

    __tablename__ = "blocks"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    blocked_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[CreatedAt]

    __table_args__ = (Index("ix_blocks_blocked_id", "blocked_id"),)


class Request(Base):
    """``from_id`` wants to add the user to a group, or to write to them, and the user must agree first.

    ``answered_at`` is when the user did or ``refused``. An accepted row stays, so that sessions which resume notice it.
    """

    __tablename__ = "requests"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True)
    from_id: Mapped[int]
    refused: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[CreatedAt]
    answered_at: Mapped[datetime | None]


class Report(Base):
    """One user's report of one message, with its text at the time of the report."""

    __tablename__ = "reports"

    id: Mapped[IdentityKey]
    reporter_id: Mapped[int]
    conversation_id: Mapped[int]
    seq: Mapped[int]
    message_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    reported_id: Mapped[int]
    reason: Mapped[str]
    note: Mapped[str | None]
    body: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[CreatedAt]
    handled_by: Mapped[int | None]
    handled_at: Mapped[datetime | None]
    resolution: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("reporter_id", "message_id", "conversation_id"),
        CheckConstraint("state IN ('open', 'reviewing', 'resolved', 'dismissed')", name="state"),
        Index("ix_reports_state_id", "state", "id"),
    )
