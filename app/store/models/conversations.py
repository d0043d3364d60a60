"""Conversations and who is in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import ROOM_FOR_UPDATES, Base, CreatedAt, IdentityKey


class Conversation(Base):
    """``direct_low`` and ``direct_high`` are the two users of a direct conversation, equal for notes to
    oneself.

    ``last_seq`` and ``version`` are those of the newest stored message or receipt.
    """

    __tablename__ = "conversations"

    id: Mapped[IdentityKey]
    kind: Mapped[str]
    name: Mapped[str | None]
    direct_low: Mapped[int | None]
    direct_high: Mapped[int | None]
    last_seq: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    last_activity_at: Mapped[CreatedAt]

    __table_args__ = (
        UniqueConstraint("direct_low", "direct_high"),
        CheckConstraint("kind IN ('direct', 'group')", name="kind"),
        CheckConstraint(
            "(kind = 'direct') = (direct_low IS NOT NULL AND direct_high IS NOT NULL)", name="direct_has_two"
        ),
        CheckConstraint("direct_low <= direct_high", name="direct_order"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class Member(Base):
    """One user in one conversation, with marks that only move forward; ``version`` is the last mark's."""

    __tablename__ = "members"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(server_default="member")
    joined_at: Mapped[CreatedAt]
    joined_seq: Mapped[int] = mapped_column(server_default="0")
    last_delivered_seq: Mapped[int] = mapped_column(server_default="0")
    last_read_seq: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="0")
    muted_until: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index("ix_members_user_id_conversation_id", "user_id", "conversation_id"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )
