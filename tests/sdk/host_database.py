"""The database of a host, with a table of its own and the outbox, and helpers that write to it and relay from it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from parley_sdk import Retry
from parley_sdk.outbox import Outbox, Relay
from sqlalchemy import Engine, MetaData, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.support.patience import PATIENCE

CONVERSATION = "order-1"
QUICK = Retry(first_pause=0.001, longest_pause=0.01)


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


def send(session: Any, message: str, conversation: str = CONVERSATION) -> str:
    return outbox(session).send(message, conversation=conversation)


def commit(host: Engine, *messages: str, conversation: str = CONVERSATION) -> None:
    with Session(host) as session, session.begin():
        for message in messages:
            send(session, message, conversation)


@contextlib.contextmanager
def running(relay: Relay) -> Iterator[None]:
    """Lets the relay work in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=relay.run_forever, args=(stop, 0.001))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
