"""The transactional outbox: messages that are sent if, and only if, your own transaction commits.

    outbox = Outbox(metadata)
    outbox(session).send("Your order is on its way", conversation="order-1")
    session.commit()

A ``Relay`` sends the committed messages: exactly once, and in the order of the commits of each conversation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import MetaData

from parley_sdk.outbox.background import BackgroundRelay
from parley_sdk.outbox.backlog import Backlog, FailedMessage, show_backlog, try_again
from parley_sdk.outbox.relay import Relay
from parley_sdk.outbox.session import SessionOutbox, plain_session
from parley_sdk.outbox.table import TABLE_NAME, OutboxUnsupported, make_row_class, make_table

log = logging.getLogger(__name__)

__all__ = [
    "BackgroundRelay",
    "Backlog",
    "FailedMessage",
    "Outbox",
    "OutboxUnsupported",
    "Relay",
    "SessionOutbox",
    "show_backlog",
    "try_again",
]


class Outbox:
    """Defines the table ``parley_outbox`` in your metadata, and writes into it through your sessions.

    ``on_commit`` is called after each commit that had messages, for example ``BackgroundRelay.wake``. Its errors are
    logged: the transaction is committed, and the sweep sends its messages.
    """

    def __init__(
        self,
        metadata: MetaData | None = None,
        *,
        table_name: str = TABLE_NAME,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        self.table = make_table(metadata if metadata is not None else MetaData(), table_name)
        self.on_commit = on_commit
        self._row_class = make_row_class(self.table)

    def __call__(self, session: Any) -> SessionOutbox:
        """Returns the outbox of a ``Session``, ``scoped_session`` or ``AsyncSession``."""
        return SessionOutbox(plain_session(session), self._row_class, self._committed)

    def _committed(self) -> None:
        if self.on_commit is None:
            return
        try:
            self.on_commit()
        except Exception:
            log.exception("no relay was started after a commit; the outbox waits for the sweep")
