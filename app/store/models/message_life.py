"""What becomes of a message after it was sent. One row a message or more, so no foreign keys (messages.py)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import VACUUM_AFTER_INSERTS, Base, CreatedAt, Milliseconds


class MessageEdit(Base):
    """A text that an edit replaced; ``version`` is that edit's."""

    __tablename__ = "message_edits"

    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str | None]
    editor_id: Mapped[int]
    replaced_at: Mapped[datetime] = mapped_column(Milliseconds)


class Reaction(Base):
    """One emoji of one user to one message."""

    __tablename__ = "reactions"

    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True)
    emoji: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[CreatedAt]


class HiddenMessage(Base):
    """A message that one member does not see: they deleted it for themselves, or blocked its sender."""

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
    """A message that names a member. What names all members is marked in the message."""

    __tablename__ = "mentions"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)

    __table_args__ = {"postgresql_with": VACUUM_AFTER_INSERTS}  # noqa: RUF012 - the name that SQLAlchemy asks for
