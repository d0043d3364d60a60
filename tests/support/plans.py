"""Plans of the statements that a read runs, and the pages that they touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from app.store.partition_layout import read_layout
from app.store.sql import HotStatement, driver


@contextmanager
def without_indexes(conn: Connection) -> Iterator[None]:
    """Drops the indexes while filling and builds them once at the end, as the migration does.

    That takes a quarter of the time.
    """
    run = driver(conn).execute
    layout = read_layout(driver(conn), 0)
    for name, _ in layout.constraints:
        run(f"ALTER TABLE messages DROP CONSTRAINT {name}")
    for name, _ in layout.indexes:
        run(f"DROP INDEX {name}")
    yield
    run("SET LOCAL maintenance_work_mem = '128MB'")
    for name, definition in layout.constraints:
        run(f"ALTER TABLE messages ADD CONSTRAINT {name} {definition}")
    for _, definition in layout.indexes:
        run(definition)


Plan = dict[str, Any]


def nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def plans_of(conn: Connection, read: Callable[[Connection], object]) -> list[Plan]:
    """Returns the plans, with the pages actually touched, of all statements that ``read`` runs."""
    ran: list[tuple[str, dict[str, Any]]] = []
    rows = HotStatement.rows

    def record_plan(self: HotStatement, conn: Connection, **values: Any) -> list[tuple[Any, ...]]:
        ran.append((self.text, values))
        return rows(self, conn, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HotStatement, "rows", record_plan)
        assert read(conn), "the read ran no statement"
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    found = [driver(conn).execute((explain + sql).encode(), values, prepare=False).fetchall() for sql, values in ran]
    assert found
    return [row[0][0]["Plan"] for [row] in found]


def pages(plans: list[Plan]) -> int:
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
