"""The feed of events for hosts, the webhooks that get them, and the queue of deliveries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import ROOM_FOR_UPDATES, VACUUM_AFTER_INSERTS, Base, CreatedAt, IdentityKey, Milliseconds


class HostEvent(Base):
    """One event of the feed, written in the transaction of the change. Ids follow the order of commits.

    Events of one ``lane`` are delivered in order. It is the id of the conversation, or the negative id of the user.
    ``version`` and ``part`` name the record of the log that the event is about. They ensure that it is written once.
    """

    __tablename__ = "host_events"

    id: Mapped[IdentityKey]
    lane: Mapped[int]
    type: Mapped[str]
    data: Mapped[str]  # JSON text: it is never searched
    version: Mapped[int | None]
    part: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_at: Mapped[datetime] = mapped_column(Milliseconds)

    __table_args__ = (
        Index(
            "uq_host_events_version_part", "version", "part", unique=True, postgresql_where=text("version IS NOT NULL")
        ),
        {"postgresql_with": VACUUM_AFTER_INSERTS},
    )


class HostFeed(Base):
    """A single row. ``swept_id`` is the last event that was deleted, ``pulled_at`` when a host last pulled."""

    __tablename__ = "host_feed"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    swept_id: Mapped[int] = mapped_column(server_default="0")
    pulled_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class Webhook(Base):
    """``types`` is None for all types. Events up to ``position`` were queued. ``failing_since`` is the first failed
    attempt after the last success.
    """

    __tablename__ = "webhooks"

    id: Mapped[IdentityKey]
    url: Mapped[str]
    types: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    description: Mapped[str] = mapped_column(server_default="")
    secret: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="on")
    off_reason: Mapped[str | None]
    position: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        CheckConstraint("state IN ('on', 'off')", name="state"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class WebhookLane(Base):
    """The pending deliveries of one lane to one webhook; there is a row only while there are any (``pending``).

    ``due_at`` is when the first of them is due. While a worker sends them, it is when the worker's lease expires.
    ``attempts``: how often the first of them has failed.
    """

    __tablename__ = "webhook_lanes"

    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    lane: Mapped[int] = mapped_column(primary_key=True)
    pending: Mapped[int]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    due_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_webhook_lanes_due", "webhook_id", "due_at"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class WebhookDelivery(Base):
    """One event for one webhook. ``status`` is the HTTP status of the last attempt, ``error`` why it failed."""

    __tablename__ = "webhook_deliveries"

    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    event_id: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    status: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
        Index(
            "ix_webhook_deliveries_pending",
            "webhook_id",
            "lane",
            "event_id",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_webhook_deliveries_failed", "webhook_id", "event_id", postgresql_where=text("state = 'failed'")),
        Index("ix_webhook_deliveries_event_id", "event_id"),
    )
