"""Push notifications: targets, settings, pending rows, displayed notifications, deliveries, and the VAPID key."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, UniqueConstraint, Uuid, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import ROOM_FOR_UPDATES, Base, CreatedAt, IdentityKey, Milliseconds


class PushTarget(Base):
    """A browser's push subscription (``address`` is its endpoint) or a device (``address`` is its token).

    ``digest`` is the hash of the address; an address belongs to one user. When the auth session that registered the
    target ends, the target is deleted.
    """

    __tablename__ = "push_targets"

    id: Mapped[IdentityKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    auth_session: Mapped[uuid.UUID] = mapped_column(Uuid)
    platform: Mapped[str]
    host: Mapped[str]
    address: Mapped[str]
    digest: Mapped[str]
    p256dh: Mapped[str | None]
    auth: Mapped[str | None]
    device_id: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    renewed_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    locale: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("platform <> 'browser' OR (p256dh IS NOT NULL AND auth IS NOT NULL)", name="browser_has_keys"),
        Index("ix_push_targets_user_id", "user_id"),
        Index("ix_push_targets_auth_session", "auth_session"),
    )


class PushSettings(Base):
    """A user's settings; users without a row have the defaults.

    ``quiet_from`` and ``quiet_to`` are minutes of the day in ``time_zone``.
    """

    __tablename__ = "push_settings"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    preview: Mapped[str] = mapped_column(server_default="full")
    while_active: Mapped[bool] = mapped_column(server_default=false())
    quiet_from: Mapped[int | None] = mapped_column(SmallInteger)
    quiet_to: Mapped[int | None] = mapped_column(SmallInteger)
    time_zone: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("preview IN ('full', 'sender', 'none')", name="preview"),
        CheckConstraint(
            "(quiet_from IS NULL) = (quiet_to IS NULL) AND (quiet_from IS NULL) = (time_zone IS NULL)", name="quiet"
        ),
    )


class PendingPush(Base):
    """A user whose devices must be checked for a conversation, because messages up to ``seq`` arrived or were read.

    Written in the transaction that stores the message. ``due_at`` is when the row is due; while a worker has it, when
    the lease expires. ``looked_at`` is the time of the last claim.
    """

    __tablename__ = "push_owed"

    user_id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    due_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_push_owed_due_at", "due_at", "user_id"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class PushShown(Base):
    """The notification of a conversation that a device displays, of message ``seq``; 0 after it was cleared.

    ``edited_at`` is when the message was edited, as far as the device displays it.
    """

    __tablename__ = "push_shown"

    target_id: Mapped[int] = mapped_column(ForeignKey("push_targets.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    seq: Mapped[int]
    sent_at: Mapped[datetime]
    edited_at: Mapped[datetime | None] = mapped_column(Milliseconds)

    __table_args__ = (
        Index("ix_push_shown_standing", "user_id", "conversation_id", postgresql_where="seq > 0"),
        Index("ix_push_shown_sent_at", "sent_at"),
    )


class PushDelivery(Base):
    """One notification to one device. Pending ones are the queue, with at most one per device and conversation.

    ``due_at`` is when it is due; while a worker sends it, when the lease expires.
    """

    __tablename__ = "push_deliveries"

    id: Mapped[IdentityKey]
    target_id: Mapped[int]
    user_id: Mapped[int]
    conversation_id: Mapped[int]
    seq: Mapped[int]
    kind: Mapped[str]
    provider: Mapped[str]
    host: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="pending")
    reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    due_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("kind IN ('message', 'update', 'clear')", name="kind"),
        CheckConstraint("state IN ('pending', 'sent', 'dropped', 'refused', 'gone', 'expired')", name="state"),
        CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="finished"),
        Index(
            "uq_push_deliveries_pending",
            "target_id",
            "conversation_id",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_push_deliveries_due", "provider", "due_at", "user_id", postgresql_where=text("state = 'pending'")),
        Index("ix_push_deliveries_finished_at", "finished_at"),
        {"postgresql_with": ROOM_FOR_UPDATES},
    )


class PushKey(Base):
    """The deployment's own VAPID key, which is created on first use if the environment has none."""

    __tablename__ = "push_keys"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    private_key: Mapped[str]
    created_at: Mapped[CreatedAt]

    __table_args__ = (CheckConstraint("id = 1", name="one"),)
