"""Statements that read one part of the conversations (app/core/part.py), because versions of several parts cannot be
compared.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection

from app.core.part import Part
from app.store.sql import HotStatement

_OF_PART = re.compile(r"of_part\(([\w.]+)\)")


class PartStatement:
    """A HotStatement in which ``of_part(column)`` is true for the conversations of the part.

    For the whole, Postgres gets the constant ``true`` instead, so nothing is computed per row, and estimates stay.
    """

    def __init__(self, statement: str, form: type[HotStatement] = HotStatement) -> None:
        self._whole = form(_OF_PART.sub("true", statement))
        self._part = form(_OF_PART.sub(r"(\1 & :part_mask) = :part_number", statement))

    def rows(self, conn: Connection, part: Part, **values: Any) -> list[tuple[Any, ...]]:
        """Runs the statement and returns its rows."""
        if part.total == 1:
            return self._whole.rows(conn, **values)
        return self._part.rows(conn, **values, part_mask=part.mask, part_number=part.number)
