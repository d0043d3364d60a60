"""Statements that have a form for distributed conversations (layout.py), and helpers for these forms."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.orm import InstrumentedAttribute

from app.core.part import WHOLE, Part
from app.store.layout import is_distributed, routed
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, any_of, driver

# Each membership has a note, even after it has ended (noted_changes.py).
_CONVERSATIONS_OF = HotStatement("""
    SELECT DISTINCT conversation_id FROM noted_changes WHERE user_id = ANY(CAST(:users AS bigint[]))
""")

_KNOWN_USERS = HotStatement("SELECT id FROM users WHERE id = ANY(CAST(:users AS bigint[]))")


def conversations_of(conn: Connection, users: Collection[int]) -> str:
    """Returns the conversations in which one of the users is or was, as a parameter."""
    return int_array(conversation for (conversation,) in _CONVERSATIONS_OF.rows(conn, users=int_array(users)))


def among_own(conn: Connection, user_id: int, *columns: InstrumentedAttribute[int]) -> Iterator[ColumnElement[bool]]:
    """Yields the conditions that limit a statement of the models to the user's conversations, if these are distributed.

    ``columns`` are those with the conversation, of all its tables.
    """
    if is_distributed(conn):
        ids = [conversation for (conversation,) in _CONVERSATIONS_OF.rows(conn, users=int_array([user_id]))]
        yield from (column == any_of(ids) for column in columns)


def known_users(conn: Connection, users: Collection[int]) -> list[int]:
    """Returns the users who have an account, or had one."""
    return [user for (user,) in _KNOWN_USERS.rows(conn, users=int_array(users))]


@contextmanager
def atomic(conn: Connection) -> Iterator[None]:
    """Makes one transaction of the statements in its block, also on a connection that has none."""
    with driver(conn).transaction():
        yield


class ListStatement:
    """A HotStatement about the conversations of its parameter ``among``, an array. If it ends with the conditions of an
    update, ``target`` is the column of the table that it changes.
    """

    def __init__(self, statement: str, among: str, *, target: str = "") -> None:
        limit = f" AND {target} = ANY(CAST(:{among} AS bigint[]))" if target else ""
        self._one = OneForm(statement)
        self.distributed = HotStatement(routed(statement, among) + limit)

    def rows(self, conn: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """Runs the statement and returns its rows."""
        return self._form(conn).rows(conn, **values)

    def row(self, conn: Connection, **values: Any) -> tuple[Any, ...] | None:
        """Runs the statement and returns its first row, or None."""
        return self._form(conn).row(conn, **values)

    def send(self, conn: Connection, **values: Any) -> None:
        """Runs a statement whose result nobody needs, as HotStatement does."""
        self._form(conn).send(conn, **values)

    def _form(self, conn: Connection) -> HotStatement:
        return self.distributed if is_distributed(conn) else self._one


class UserStatement:
    """A statement about all conversations of some users, with ``of_part`` as in a PartStatement.

    With one Postgres, an index by user finds them. If conversations are distributed, their ids are looked up first, and
    named.
    """

    def __init__(self, statement: str) -> None:
        self._one = PartStatement(statement, OneForm)
        self.distributed = PartStatement(routed(statement, "within"))

    def rows(self, conn: Connection, of: Collection[int], part: Part = WHOLE, **values: Any) -> list[tuple[Any, ...]]:
        """Runs the statement about the conversations of the users ``of``, and returns its rows."""
        if is_distributed(conn):
            return self.distributed.rows(conn, part, **values, within=conversations_of(conn, of))
        return self._one.rows(conn, part, **values)
