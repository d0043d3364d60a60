"""Puts messages into the transaction of a session.

The row of a message is inserted by the session like every other object, so it shares the fate of the transaction and of
its savepoints. Its position is assigned right before the commit, under a lock of its lane that ends with the
transaction. So the order of positions in a lane is the order of commits, and nothing appears before a position that was
visible already. In SQLite, the first row that a transaction inserts keeps all others from writing until it ends, so
there the position of the insert stays.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Table, bindparam, event, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, scoped_session

from parley_sdk.calls import UNSET, Unset, encode
from parley_sdk.models import Json
from parley_sdk.outbox.table import check_dialect, lane_of
from parley_sdk.server.messages import MessageOperations


class SessionOutbox:
    """The outbox of one session: ``outbox(session)``."""

    def __init__(self, session: Session, row_class: type[Any], on_commit: Callable[[], None]) -> None:
        self._session = session
        self._row_class = row_class
        self._transaction = _watch(session, row_class, on_commit)

    def send(
        self,
        message: str,
        *,
        conversation: str | int | Unset = UNSET,
        recipient: str | int | Unset = UNSET,
        sender: str | int | Unset = UNSET,
        id: str | Unset = UNSET,
        kind: str | Unset = UNSET,
        metadata: Json | Unset = UNSET,
        attachments: Sequence[Json] | Unset = UNSET,
        reply_to: str | Unset = UNSET,
        silent: bool | Unset = UNSET,
    ) -> str:
        """Sends the message after the commit of the session's transaction, and returns its id.

        Takes what ``ParleyServer.messages.send`` takes. If the transaction or the savepoint is rolled back, nothing is
        sent. Do not await it, also with an ``AsyncSession``.

        Raises ValueError if the message has no conversation, or if its id is no UUID.
        """
        body = MessageOperations.send.build(
            None,
            message,
            conversation=conversation,
            recipient=recipient,
            sender=sender,
            id=id,
            kind=kind,
            metadata=metadata,
            attachments=attachments,
            reply_to=reply_to,
            silent=silent,
        ).body
        return self._add(_checked(body))

    def _add(self, body: dict[str, Any]) -> str:
        dialect = self._session.get_bind(mapper=self._row_class).dialect.name
        check_dialect(dialect)
        row = self._row_class()
        row.id, row.lane, row.request = uuid.UUID(body["id"]), lane_of(body), body
        if dialect == "sqlite":
            row.position = _next_position(self._row_class.__table__)
        self._session.add(row)
        self._transaction.added.append((row.id, row.lane))
        return str(body["id"])


class _Transaction:
    """The messages of a session's open transaction so far, in order."""

    def __init__(self) -> None:
        self.added: list[tuple[uuid.UUID, str]] = []
        self.settled = False


def plain_session(session: Any) -> Session:
    """Returns the ``Session`` of a session, scoped session or asynchronous session."""
    if isinstance(session, scoped_session) or (not isinstance(session, Session) and hasattr(session, "registry")):
        session = session()
    session = getattr(session, "sync_session", session)
    if not isinstance(session, Session):
        raise TypeError(f"The outbox needs a session of SQLAlchemy, not {type(session).__name__}.")
    return session


def _watch(session: Session, row_class: type[Any], on_commit: Callable[[], None]) -> _Transaction:
    """Returns the state of the session's transaction. Listens to the session from the first call on."""
    key = ("parley_outbox", row_class)
    if key not in session.info:
        session.info[key] = _Transaction()
        _listen(session, session.info[key], row_class, on_commit)
    state: _Transaction = session.info[key]
    return state


def _listen(session: Session, state: _Transaction, row_class: type[Any], on_commit: Callable[[], None]) -> None:
    def before_commit(committing: Session) -> None:
        # Also called when a savepoint is released.
        if state.added and not committing.in_nested_transaction():
            _settle(committing, row_class, state.added)
            state.added, state.settled = [], True

    def after_commit(_: Session) -> None:
        if state.settled:
            state.settled = False
            on_commit()

    def after_transaction_end(_: Session, transaction: Any) -> None:
        if transaction.parent is None:
            state.added, state.settled = [], False

    event.listen(session, "before_commit", before_commit)
    event.listen(session, "after_commit", after_commit)
    event.listen(session, "after_transaction_end", after_transaction_end)


def _settle(session: Session, row_class: type[Any], added: list[tuple[uuid.UUID, str]]) -> None:
    """Gives the rows their positions, under the locks of their lanes.

    Everything else is flushed before, and all transactions take the locks in the same order: so a transaction that
    holds some of them waits for nothing but another one, and there is no deadlock.
    """
    session.flush()
    if session.get_bind(mapper=row_class).dialect.name == "sqlite":
        return
    bind = {"mapper": row_class}
    keys = sorted({_lock_key(lane) for _, lane in added})
    key = func.unnest(bindparam("keys", keys, ARRAY(BigInteger))).column_valued("key")
    session.execute(select(func.pg_advisory_xact_lock(key)), bind_arguments=bind)
    table = row_class.__table__
    move = update(table).where(table.c.id == bindparam("row_id")).values(position=text("DEFAULT"))
    session.connection(bind_arguments=bind).execute(move, [{"row_id": row_id} for row_id, _ in added])


def _next_position(table: Table) -> Any:
    """Returns the expression for a position behind all rows that are in the table."""
    return select(func.coalesce(func.max(table.c.position), 0) + 1).scalar_subquery()


def _lock_key(lane: str) -> int:
    """Returns a number for PostgreSQL's advisory locks. Two lanes with one number only wait for each other."""
    digest = hashlib.blake2b(f"parley_outbox:{lane}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Returns the body. Raises for a message that could never be sent, because after the commit it is too late."""
    if not isinstance(body["message"], str):
        raise TypeError("The message must be a string.")
    if ("conversation" in body) == ("recipient" in body):
        raise ValueError("Give a conversation or a recipient.")
    if "recipient" in body and "sender" not in body:
        raise ValueError("A message to a recipient needs a sender.")
    uuid.UUID(body["id"])
    encode(body)
    return body
