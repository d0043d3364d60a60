"""Messages: the largest table."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, UniqueConstraint, Uuid, false
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import VACUUM_AFTER_INSERTS, Base, Milliseconds


class Message(Base):
    """One message, or a tombstone under the seq of a message that could not be stored.

    ``version`` is the version of the last change, ``created_version`` the first one. ``extra`` has the rare fields:
    ``system``, ``forwarded``, ``mentionsOnline`` and ``metadata``. Only its sender sees a ``shadow`` message.

    There are no foreign keys. Each would cost a look-up and a row lock per insert (about a third of the insert), and
    Citus allows no foreign key from a table that is distributed by conversation to another table. Membership is checked
    before a seq is assigned.
    """

    __tablename__ = "messages"

    conversation_id: Mapped[int]
    seq: Mapped[int]
    id: Mapped[uuid.UUID] = mapped_column(Uuid)
    sender_id: Mapped[int]
    kind: Mapped[str]
    body: Mapped[str | None]
    attachments: Mapped[Any | None] = mapped_column(JSONB)
    reply_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    version: Mapped[int]
    sent_at: Mapped[datetime] = mapped_column(Milliseconds)
    edited_at: Mapped[datetime | None] = mapped_column(Milliseconds)
    deleted_at: Mapped[datetime | None] = mapped_column(Milliseconds)
    created_version: Mapped[int] = mapped_column(server_default="0")
    mentions: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    mentions_all: Mapped[bool] = mapped_column(server_default=false())
    extra: Mapped[Any | None] = mapped_column(JSONB)
    pinned_at: Mapped[datetime | None] = mapped_column(Milliseconds)
    pinned_by: Mapped[int | None]
    shadow: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        # The index includes sender_id, so that unread messages are counted by an index-only scan.
        PrimaryKeyConstraint("conversation_id", "seq", postgresql_include=["sender_id"]),
        # In this order, the index also serves look-ups by id only. A separate index would cost a tenth of the insert.
        UniqueConstraint("id", "conversation_id"),
        Index("ix_messages_conversation_id_version", "conversation_id", "version"),
        Index("ix_messages_mentions_all", "conversation_id", "seq", postgresql_where="mentions_all"),
        # Deleted messages are not unread. A separate count of them lets the count of unread messages read only the
        # primary key.
        Index(
            "ix_messages_deleted",
            "conversation_id",
            "seq",
            postgresql_include=["sender_id"],
            postgresql_where="deleted_at IS NOT NULL",
        ),
        # Messages that only their sender sees: for others, they do not count as unread.
        Index(
            "ix_messages_shadow",
            "conversation_id",
            "seq",
            postgresql_include=["sender_id"],
            postgresql_where="shadow",
        ),
        Index("ix_messages_pinned", "conversation_id", "pinned_at", postgresql_where="pinned_at IS NOT NULL"),
        # The indexer of the search reads messages in the order of their changes.
        Index("ix_messages_version", "version"),
        {"postgresql_with": VACUUM_AFTER_INSERTS},
    )
