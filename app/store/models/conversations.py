"""Conversations and their members."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import ROOM_FOR_UPDATES, Base, CreatedAt, IdentityKey, Milliseconds


class Conversation(Base):
    """``direct_low`` and ``direct_high`` are the two users of a direct conversation, equal for notes to oneself.

    ``last_seq`` and ``version`` belong to the newest stored message or receipt. ``info_version`` is the version of the
    last change to the group's name or members. ``history`` says which messages a new member sees: ``all``, or only
    those since they ``joined``. ``external_id`` is the host's. In a ``read_only`` group, only owners, admins and the
    host write. While messages up to ``erase_upto`` wait to be erased, the host has deleted the conversation.
    ``noted`` and ``noted_active`` belong to the triggers of ``NotedChange``.
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
    external_id: Mapped[str | None]
    read_only: Mapped[bool] = mapped_column(server_default=false())
    metadata_: Mapped[Any | None] = mapped_column("metadata", JSONB)
    erase_upto: Mapped[int | None]
    noted: Mapped[int] = mapped_column(server_default="0")
    noted_active: Mapped[datetime] = mapped_column(server_default="-infinity")

    __table_args__ = (
        UniqueConstraint("direct_low", "direct_high"),
        CheckConstraint("kind IN ('direct', 'group')", name="kind"),
        CheckConstraint(
            "(kind = 'direct') = (direct_low IS NOT NULL AND direct_high IS NOT NULL)", name="direct_has_two"
        ),
        CheckConstraint("direct_low <= direct_high", name="direct_order"),
        CheckConstraint("history IN ('all', 'joined')", name="history"),
        # Small: only groups whose avatar is not stored here yet.
        Index("ix_conversations_outside_avatar", "id", postgresql_where="avatar_url ^@ 'https://'"),
        Index("ix_conversations_external_id", "external_id", unique=True, postgresql_where="external_id IS NOT NULL"),
        # Small: only conversations that are being erased.
        Index("ix_conversations_erase_upto", "id", postgresql_where="erase_upto IS NOT NULL"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class Member(Base):
    """One user in one conversation. The marks only move forward; ``version`` is the version of the last move.

    The row stays when the user leaves: ``left_seq`` is then the last seq that they saw. It is null for current members,
    so a query for members needs ``left_seq IS NULL``. A member sees the seqs above ``visible_from``: it rises when they
    clear the conversation (at ``cleared_version``). ``marked_unread_seq`` is their read mark when they marked it as
    unread. While ``removed_seq`` is the last seq that they could see, their list does not show the conversation. Only
    the member sees ``own_read_seq``: what they read during a shadow suspension.

    ``left_seq`` is 0 if the direct conversation is held back from the user (direct_pairs.py). The other user still sees
    them as a member: queries for the members that are shown need ``coalesce(left_seq, 0) = 0``.
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
    marked_unread_seq: Mapped[int | None]
    cleared_version: Mapped[int | None]
    removed_seq: Mapped[int | None]
    own_read_seq: Mapped[int | None]

    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index("ix_members_user_id_conversation_id", "user_id", "conversation_id"),
        # Returns a user's conversations by an index-only scan, without those that they left.
        Index("ix_members_active", "user_id", "conversation_id", postgresql_where="left_seq IS NULL"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class NotedChange(Base):
    """The version and the last activity of a member's conversation, or values up to five minutes greater
    (app/store/noted_changes.py).

    Only triggers of the database write it, or distributed_notes.py instead of them. ``user_id`` is 0 for all members of
    a group of over 100.
    """

    __tablename__ = "noted_changes"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    conversation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    noted: Mapped[int]
    active: Mapped[datetime]

    __table_args__ = (
        Index("ix_noted_changes_noted", "user_id", "noted", "conversation_id"),
        Index("ix_noted_changes_active", "user_id", "active", "conversation_id"),
    )


class ReadConversations(Base):
    """At ``version`` of this epoch of the shard, the user had no unread messages in those of its conversations that are
    not in ``unread``.
    """

    __tablename__ = "read_conversations"

    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default="0")
    epoch: Mapped[int]
    version: Mapped[int]
    unread: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class Draft(Base):
    """A text that a member has begun to write. A deleted draft stays as a row without text and ``reply_to``, so that
    resuming sessions get the deletion.
    """

    __tablename__ = "drafts"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
    reply_to: Mapped[UUID | None]
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(Milliseconds)

    __table_args__ = (Index("ix_drafts_user_id_version", "user_id", "version"),)
