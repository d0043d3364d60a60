"""Media: uploads, their bytes until the storage has them, and the messages that name them."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, Integer, SmallInteger, Uuid, false
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt

STATES = "('receiving', 'awaiting', 'processing', 'ready', 'failed', 'deleting')"


class Media(Base):
    """``receiving`` or ``awaiting`` (a direct upload) → ``processing`` → ``ready`` or ``failed``. ``deleting`` follows
    any of them; then the row is deleted.

    ``tries`` counts claims that did not end orderly, ``failures`` those that the storage refused. ``version`` is that
    of the event that announced the final state; before that it is 0. Since ``attempted_at``, bytes may be on their way
    to the storage. Until ``lease_until``, one worker has the medium. At ``sweep_at``, the sweep handles it.
    """

    __tablename__ = "media"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[int | None]  # null until the upload's form names it
    user_id: Mapped[int]
    state: Mapped[str]
    storage: Mapped[str]
    direct: Mapped[bool] = mapped_column(server_default=false())
    kind: Mapped[str] = mapped_column(server_default="file")
    content_type: Mapped[str] = mapped_column(server_default="application/octet-stream")
    bytes: Mapped[int] = mapped_column(server_default="0")
    filename: Mapped[str | None]
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    duration: Mapped[float | None] = mapped_column(Float)
    blurhash: Mapped[str | None]
    waveform: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    thumbnail: Mapped[bool] = mapped_column(server_default=false())
    code: Mapped[str | None]
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    version: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    attempted_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    sweep_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("kind IN ('image', 'audio', 'video', 'file')", name="kind"),
        Index("ix_media_conversation_id_version", "conversation_id", "version"),
        Index("ix_media_sweep_at", "sweep_at", postgresql_where="sweep_at IS NOT NULL"),
        Index("ix_media_usage", "user_id", postgresql_include=["state", "bytes"]),
        Index("ix_media_waiting", "user_id", postgresql_where="state IN ('receiving', 'awaiting', 'processing')"),
        Index("ix_media_untold", "created_at", postgresql_where="version = 0 AND state IN ('ready', 'failed')"),
    )


class MediaChunk(Base):
    """The ``n``-th piece of an upload, until the storage has confirmed the whole file.

    Postgres does not compress it, because pictures do not shrink.
    """

    __tablename__ = "media_chunks"

    media_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("media.id", ondelete="CASCADE"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes]


class MediaUse(Base):
    """A message that names the medium. ``announced``, in the column ``told``: its members know the final state.

    There are no foreign keys, for the same reasons as in ``messages``.
    """

    __tablename__ = "media_uses"

    media_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    announced: Mapped[bool] = mapped_column("told")

    __table_args__ = (
        Index("ix_media_uses_conversation_id_seq", "conversation_id", "seq"),
        Index("ix_media_uses_untold", "media_id", postgresql_where="NOT told"),
    )
