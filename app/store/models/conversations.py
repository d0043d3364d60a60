"""Conversations and who is in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import ROOM_FOR_UPDATES, Base, CreatedAt, IdentityKey


class Conversation(Base):
    """``direct_low`` and ``direct_high`` are the two users of a direct conversation, equal for notes to
    oneself.

    ``last_seq`` and ``version`` are those of the newest stored message or receipt. ``info_version`` is that of
    the last change of what the group is called or of who is in it. ``history`` says what a new member sees:
    ``all``, or from when they ``joined``.
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
    description: Mapped[str | None]
    avatar_url: Mapped[str | None]
    history: Mapped[str] = mapped_column(server_default="all")
    member_count: Mapped[int] = mapped_column(Integer, server_default="0")
    info_version: Mapped[int] = mapped_column(server_default="0")
    created_by: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("direct_low", "direct_high"),
        CheckConstraint("kind IN ('direct', 'group')", name="kind"),
        CheckConstraint(
            "(kind = 'direct') = (direct_low IS NOT NULL AND direct_high IS NOT NULL)", name="direct_has_two"
        ),
        CheckConstraint("direct_low <= direct_high", name="direct_order"),
        CheckConstraint("history IN ('all', 'joined')", name="history"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class Member(Base):
    """One user in one conversation, with marks that only move forward; ``version`` is the last mark's.

    The row stays when the user leaves: ``left_seq`` is then the last seq that they saw, and null for those who
    are in. Whoever asks who is a member asks for ``left_seq IS NULL``. A member sees seqs above
    ``visible_from``.
    """

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
    visible_from: Mapped[int] = mapped_column(server_default="0")
    joined_version: Mapped[int] = mapped_column(server_default="0")
    left_seq: Mapped[int | None]
    left_version: Mapped[int | None]
    archived: Mapped[bool] = mapped_column(server_default=false())
    pinned_at: Mapped[datetime | None]
    settings_version: Mapped[int] = mapped_column(server_default="0")
    mute_except_mentions: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index("ix_members_user_id_conversation_id", "user_id", "conversation_id"),
        # "Whose conversations" without a visit to the table, and without those who left.
        Index("ix_members_active", "user_id", "conversation_id", postgresql_where="left_seq IS NULL"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )
