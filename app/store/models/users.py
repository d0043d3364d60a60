"""Users and their auth sessions."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, Uuid, false, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import ROOM_FOR_UPDATES, Base, CreatedAt, IdentityKey, Milliseconds


class User(Base):
    """One person. ``username`` is in lower case. ``issuer`` and ``subject`` are the identity of an external user."""

    __tablename__ = "users"

    id: Mapped[IdentityKey]
    username: Mapped[str]
    display_name: Mapped[str]
    avatar_url: Mapped[str | None]
    password_hash: Mapped[str | None]
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    last_seen_at: Mapped[datetime | None]
    is_admin: Mapped[bool] = mapped_column(server_default=false())
    last_seen_visible: Mapped[str] = mapped_column(server_default="everyone")
    deleted_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_until: Mapped[datetime | None]
    suspended_reason: Mapped[str | None]
    suspended_shadow: Mapped[bool] = mapped_column(server_default=false())
    may_add: Mapped[str] = mapped_column(server_default="everyone")
    may_write: Mapped[str] = mapped_column(server_default="everyone")
    hide_blocked: Mapped[bool] = mapped_column(server_default=false())
    status_text: Mapped[str | None]
    status_emoji: Mapped[str | None]
    status_until: Mapped[datetime | None] = mapped_column(Milliseconds)
    do_not_disturb_until: Mapped[datetime | None] = mapped_column(Milliseconds)
    email: Mapped[str | None]
    # When the name, avatar or status last changed, or the account was deleted. Sessions that resume get the later
    # changes.
    changed_at: Mapped[datetime | None] = mapped_column(Milliseconds)
    locale: Mapped[str | None]
    external_id: Mapped[str | None]  # of the host
    metadata_: Mapped[Any | None] = mapped_column(
        "metadata", JSONB
    )  # of the host; SQLAlchemy has a ``metadata`` of its own
    # When the newest token of the host that was seen here was issued. Older ones do not change the profile.
    claims_at: Mapped[datetime | None] = mapped_column(Milliseconds)

    __table_args__ = (
        UniqueConstraint("username"),
        UniqueConstraint("issuer", "subject"),
        CheckConstraint("username ~ '^[a-z0-9_.-]{3,32}$'", name="username"),
        CheckConstraint("last_seen_visible IN ('everyone', 'contacts', 'nobody')", name="last_seen_visible"),
        # A prefix is a range only in byte order, and the unique index has the database's collation.
        Index("ix_users_username_prefix", "username", postgresql_ops={"username": "text_pattern_ops"}),
        # Small: only suspended users.
        Index("ix_users_suspended_at", "suspended_at", postgresql_where="suspended_at IS NOT NULL"),
        # Small: only users who changed after they registered.
        Index("ix_users_changed_at", "changed_at", postgresql_where="changed_at IS NOT NULL"),
        Index("ix_users_external_id", "external_id", unique=True, postgresql_where="external_id IS NOT NULL"),
        # Small: only users whose avatar is not stored here yet.
        Index("ix_users_outside_avatar", "id", postgresql_where="avatar_url ^@ 'https://'"),
        {"postgresql_with": ROOM_FOR_UPDATES},  # last_seen_at
    )


Index(
    "ix_users_display_name_prefix",
    func.lower(User.display_name).label("lowered"),
    postgresql_ops={"lowered": "text_pattern_ops"},
)


Index(
    "ix_users_email",
    func.lower(User.email),
    postgresql_where=User.email.is_not(None),
)


class AuthSession(Base):
    """One sign-in on one device, with a family of refresh tokens. ``id`` is the ``sid`` claim of its tokens."""

    __tablename__ = "auth_sessions"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    device_id: Mapped[str | None]
    refresh_generation: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]
    device_name: Mapped[str | None]
    network: Mapped[str | None]
    # The end of an access token that was issued for longer than usual. An ended session is remembered until then.
    tokens_until: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_auth_sessions_user_id", "user_id"),
        # Small: only revoked sessions. After a Redis loss, the revocation list is rebuilt from it.
        Index("ix_auth_sessions_revoked_at", "revoked_at", postgresql_where="revoked_at IS NOT NULL"),
    )
