"""A change of a message, a group or a conversation that is checked and ready for the log."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.message_log.append import Operation


class Prepared(NamedTuple):
    """An operation for the log, and its ack. With ``names_seq``, the ack gets the seq that the log returns, for example
    the seq of a system message.
    """

    operation: Operation
    answer: dict[str, Any]
    names_seq: bool = True
