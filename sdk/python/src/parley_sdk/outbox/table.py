"""The table of the outbox, in the host's own database."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import registry

from parley_sdk.errors import ParleyError

TABLE_NAME = "parley_outbox"
DIALECTS = ("postgresql", "sqlite")


class OutboxUnsupported(ParleyError):
    """The outbox cannot work with this database."""


def check_dialect(name: str) -> None:
    """Raises OutboxUnsupported."""
    if name not in DIALECTS:
        raise OutboxUnsupported(f"The outbox needs PostgreSQL or SQLite, not {name}.")


def make_table(metadata: MetaData, name: str = TABLE_NAME) -> Table:
    """Returns the table, which belongs to ``metadata`` from then on.

    A row is one message. ``id`` is the message's id. ``position`` is its place in its ``lane``, which stands for one
    conversation. ``failed_at`` is set for a message that Parley will never accept. SQLite ignores the identity of
    ``position``; there, session.py sets it.
    """
    unfailed = text("failed_at IS NULL")
    return Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("position", BigInteger, Identity(always=True), nullable=False),
        Column("lane", Text, nullable=False),
        Column("request", JSON, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("failed_at", DateTime(timezone=True)),
        Column("error", Text),
        Index(f"ix_{name}_waiting", "lane", "position", postgresql_where=unfailed, sqlite_where=unfailed),
    )


def make_row_class(table: Table) -> type[Any]:
    """Returns a class that is mapped to the table, so that rows take part in a session's savepoints and flushes."""
    row_class: type[Any] = type("ParleyOutboxRow", (), {"__doc__": "A message that waits for the commit."})
    registry(metadata=table.metadata).map_imperatively(row_class, table)
    return row_class


def lane_of(body: dict[str, Any]) -> str:
    """Returns the lane of a message: messages of one lane are sent in the order of their commits."""
    if "conversation" in body:
        return json.dumps(["conversation", body["conversation"]])
    people = sorted([json.dumps(body["recipient"]), json.dumps(body["sender"])])
    return json.dumps(["direct", *people])
