"""The search index (docs/decisions/search.md)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Integer, PrimaryKeyConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import VACUUM_AFTER_INSERTS, Base


class MessageTerms(Base):
    """The terms of one message. ``version`` is the message's first version. ``bucket`` stays as it is for good."""

    __tablename__ = "message_terms"

    conversation_id: Mapped[int]
    seq: Mapped[int]
    bucket: Mapped[int] = mapped_column(Integer)
    version: Mapped[int]
    terms: Mapped[str] = mapped_column(TSVECTOR)

    __table_args__ = (
        PrimaryKeyConstraint("conversation_id", "seq"),
        # The list of pending entries is read by every look-up, so it must be short.
        Index(
            "ix_message_terms_terms",
            "terms",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "on", "gin_pending_list_limit": "256"},
        ),
        {"postgresql_with": VACUUM_AFTER_INSERTS},
    )


class SearchBucket(Base):
    """A bucket of the index: messages that were sent one after the other. A newer one has a greater number.

    Numbers from 0 up are those of new messages, negative ones those of messages from before the index.
    ``first_version``: messages with an earlier version belong to an earlier bucket. ``first_ms`` and ``last_ms`` are
    the times of its first and last message.
    """

    __tablename__ = "search_buckets"

    bucket: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    messages: Mapped[int] = mapped_column(Integer)
    first_version: Mapped[int]
    first_ms: Mapped[int]
    last_ms: Mapped[int]


class SearchState(Base):
    """The only row: how far the index is.

    Messages with versions up to ``indexed_version`` were indexed, except those up to ``backfill_version``, which are
    from before the index, were imported, or have the terms of an earlier analyser; it moves down to ``backfill_floor``,
    and is null at the end. ``analyser`` is the version of the analyser that made the other terms. Users up to
    ``named_user_id`` have the terms of their names.
    """

    __tablename__ = "search_state"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    indexed_version: Mapped[int]
    backfill_version: Mapped[int | None]
    analyser: Mapped[int] = mapped_column(Integer)

    named_user_id: Mapped[int] = mapped_column(server_default="0")
    backfill_floor: Mapped[int] = mapped_column(server_default="0")

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class UserNameTerm(Base):
    """A text with whose beginning a user is found: a folded word of the display name."""

    __tablename__ = "user_name_terms"

    # A prefix is a range only in byte order.
    term: Mapped[str] = mapped_column(Text(collation="C"))
    user_id: Mapped[int]

    __table_args__ = (PrimaryKeyConstraint("term", "user_id"), Index("ix_user_name_terms_user_id", "user_id"))
