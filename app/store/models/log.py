"""The state of the log: its epoch, and the records that could not be stored."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, SmallInteger, false
from sqlalchemy.orm import Mapped, mapped_column

from app.store.models.base import Base, CreatedAt, IdentityKey


class LogState(Base):
    """One row for each shard; ``id`` is the shard's number plus 1. ``epoch`` is raised after the shard's Redis lost its
    data; cursors and drains of older epochs are refused.

    ``pushing``: a device was registered in this deployment at some time, so the drain queues push notifications.
    ``feeding``: a host has a webhook or pulls events, so the drain writes ``host_events``.
    Both are equal in all rows (app/store/log_switches.py).
    """

    __tablename__ = "log_state"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[int]
    started_at: Mapped[CreatedAt]
    pushing: Mapped[bool] = mapped_column(server_default=false())
    feeding: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (CheckConstraint("id > 0", name="shard"),)


class ShardCount(Base):
    """One row: the number of shards of this installation, with which SHARDS is compared (app/shard_check.py). There is
    no row before the first start.
    """

    __tablename__ = "shard_count"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    shards: Mapped[int] = mapped_column(SmallInteger)

    __table_args__ = (CheckConstraint("id = 1", name="one_row"), CheckConstraint("shards > 0", name="positive"))


class DeadLetter(Base):
    """A record of the log that could not be stored, unchanged, with the reason."""

    __tablename__ = "dead_letters"

    id: Mapped[IdentityKey]
    record: Mapped[bytes]
    reason: Mapped[str]
    created_at: Mapped[CreatedAt]
