"""The database of a host, with a table of its own and the outbox."""

from __future__ import annotations

from parley_sdk.outbox import Outbox
from sqlalchemy import Engine, MetaData, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

CONVERSATION = "order-1"


class Base(DeclarativeBase):
    metadata = MetaData()


class Order(Base):
    __tablename__ = "shop_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


outbox = Outbox(Base.metadata)


def waiting(engine: Engine) -> int:
    with Session(engine) as session:
        count = session.scalar(select(func.count()).select_from(outbox.table))
    return count or 0
