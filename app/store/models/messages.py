"""Messages: the one table that grows with use."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, Milliseconds


class Message(Base):
    """One message, or the deleted placeholder of a ``seq`` that was given out and whose message was set
    aside.

    There are no foreign keys: each would cost a look-up and a row lock for every insert (about a third of the
    insert), and Citus allows none from a table distributed by conversation to one that is not. Members are
    checked before ``seq`` is given out.
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

    __table_args__ = (
        # sender_id is in the leaf so that unread messages are counted without a visit to the table.
        PrimaryKeyConstraint("conversation_id", "seq", postgresql_include=["sender_id"]),
        # In this order it serves a look-up by id alone as well; one index less is a tenth of the insert.
        UniqueConstraint("id", "conversation_id"),
        Index("ix_messages_conversation_id_version", "conversation_id", "version"),
        # Insert-only: without an early vacuum no page is known to be visible, and index-only scans visit the
        # table.
        {
            "postgresql_with": {
                "autovacuum_vacuum_insert_scale_factor": 0.05,
                "autovacuum_analyze_scale_factor": 0.02,
            }
        },
    )
