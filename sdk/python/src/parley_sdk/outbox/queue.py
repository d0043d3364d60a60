"""The part of the database that a relay uses: rows that no other relay sends, and a way to change them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Executable, Row

MAX_ROWS = 100  # of one batch, which stays below the largest body that Parley accepts


@dataclass(frozen=True)
class Batch:
    """Rows in the order of their lanes, at most one of each. ``execute`` takes the statements that change them."""

    rows: Sequence[Row[Any]]
    execute: Callable[[Executable], Any]


class Queue(Protocol):
    def claim(self, after: str) -> AbstractContextManager[Batch]:
        """Claims the first row of each lane after the lane ``after``, if it is due and no other relay has it.

        The changes of the batch are committed when the block ends. If it raises, nothing has changed.
        """
        ...

    def now(self) -> Any:
        """Returns the time of the clock that decides what is due, as a value or as an expression."""
        ...
