"""The keys of hosts' servers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt, IdentityKey


class ServerKey(Base):
    """``hash`` is the SHA-256 of a random key, which is stored nowhere."""

    __tablename__ = "server_keys"

    id: Mapped[IdentityKey]
    name: Mapped[str]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("hash"))
