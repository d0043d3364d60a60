"""Changes to messages. One row or more per message, therefore no foreign keys (messages.py)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Index, SmallInteger, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import VACUUM_AFTER_INSERTS, Base, CreatedAt, Milliseconds


class MessageEdit(Base):
    """A text that an edit replaced. ``version`` is the version of the edit."""

    __tablename__ = "message_edits"

    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str | None]
    editor_id: Mapped[int]
    replaced_at: Mapped[datetime] = mapped_column(Milliseconds)


class Reaction(Base):
    """One emoji by one user on one message."""

    __tablename__ = "reactions"

    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True)
    emoji: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[CreatedAt]


class HiddenMessage(Base):
    """A message that one member does not see, because they deleted it for themselves or have blocked its sender."""

    __tablename__ = "hidden_messages"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]

    __table_args__ = (
        Index("ix_hidden_messages_user_id_version", "user_id", "version"),
        {"postgresql_with": VACUUM_AFTER_INSERTS},
    )


class Mention(Base):
    """A message that mentions a member. Mentions of all members are a column of the message. ``named_read_seq`` is the
    member's read mark when an edit named them, and null if the message did from the start.
    """

    __tablename__ = "mentions"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    named_read_seq: Mapped[int | None]

    __table_args__ = {"postgresql_with": VACUUM_AFTER_INSERTS}  # noqa: RUF012 - SQLAlchemy requires this name


class Star(Base):
    """One user's star on a message. A removed star stays as a row, so that resuming sessions get the removal."""

    __tablename__ = "stars"

    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True)
    starred: Mapped[bool]
    version: Mapped[int]

    __table_args__ = (Index("ix_stars_user_id_version", "user_id", "version"),)


class ShadowChange(Base):
    """A change of a message that other members see as well, by a user with a shadow suspension. Only that user sees the
    change, and only while the suspension lasts. ``kind`` and ``body`` are taken from the record. The key has the
    conversation, because two shards may give the same version to two acts of the user.
    """

    __tablename__ = "shadow_changes"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    message_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    kind: Mapped[int] = mapped_column(SmallInteger)
    sent_at: Mapped[datetime] = mapped_column(Milliseconds)
    body: Mapped[str]

    __table_args__ = (Index("ix_shadow_changes_place", "conversation_id", "seq", "user_id"),)


# Rows that are deleted when their message is deleted.
DETAILS: tuple[type[MessageEdit | Reaction | Mention | Star | ShadowChange], ...] = (
    MessageEdit,
    Reaction,
    Mention,
    Star,
    ShadowChange,
)
