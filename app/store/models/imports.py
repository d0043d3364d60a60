"""Imports: the bodies that a host's server sends, from their first byte until all is written.

The tables below ``imports`` are work in progress: their rows are deleted as they are used.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Uuid, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt


class Import(Base):
    """``total`` is the number of lines. ``progress`` is that of app/store/imports.py."""

    __tablename__ = "imports"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    state: Mapped[str] = mapped_column(server_default="receiving")
    server_key: Mapped[str]
    created_at: Mapped[CreatedAt]
    worked_at: Mapped[CreatedAt]
    pieces: Mapped[int] = mapped_column(Integer, server_default="0")
    total: Mapped[int] = mapped_column(server_default="0")
    progress: Mapped[Any] = mapped_column(JSONB, server_default="{}")

    __table_args__ = (
        CheckConstraint("state IN ('receiving', 'pending', 'checking', 'running', 'done', 'failed')", name="state"),
        # Small: only the rows that the sweep needs.
        Index("ix_imports_unfinished", "worked_at", postgresql_where="state NOT IN ('done', 'failed')"),
        Index("ix_imports_created_at", "created_at"),
    )


class ImportPiece(Base):
    """Whole lines of the body, compressed with zlib."""

    __tablename__ = "import_pieces"

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    first_line: Mapped[int]
    data: Mapped[bytes]


class ImportUser(Base):
    """A user that does not exist yet. ``user_id`` comes from the sequence of users."""

    __tablename__ = "import_users"

    import_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    username: Mapped[str | None]
    fields: Mapped[Any] = mapped_column(JSONB)

    __table_args__ = (
        Index("ix_import_users_username", "import_id", "username"),
        Index("ix_import_users_user_id", "import_id", "user_id"),
    )


class ImportConversation(Base):
    """A conversation that does not exist yet (``is_new``), with an id from the sequence, or a direct one that gets an
    external id. ``written``: it exists now.
    """

    __tablename__ = "import_conversations"

    import_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str | None]
    direct_low: Mapped[int | None]
    direct_high: Mapped[int | None]
    is_new: Mapped[bool]
    written: Mapped[bool] = mapped_column(server_default=false())
    fields: Mapped[Any] = mapped_column(JSONB)

    __table_args__ = (
        Index("ix_import_conversations_external_id", "import_id", "external_id"),
        Index("ix_import_conversations_direct_pair", "import_id", "direct_low", "direct_high"),
    )


class ImportMessage(Base):
    """A message that is not written yet. ``live``: its conversation exists, so the message goes through the log."""

    __tablename__ = "import_messages"

    import_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    live: Mapped[bool]
    line: Mapped[int]
    sent_ms: Mapped[int]
    sender_id: Mapped[int]
    kind: Mapped[str]
    body: Mapped[str]
    reply_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    extra: Mapped[Any] = mapped_column(JSONB)

    __table_args__ = (Index("ix_import_messages_order", "import_id", "live", "conversation_id", "sent_ms", "line"),)
