"""The structure of the partitioned copy of ``messages``, and the statements that make it (partition_messages.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

NEW, OLD = "messages_partitioned", "messages_unpartitioned"
PROGRESS, DELETIONS = "messages_partitioning", "messages_partitioning_deletions"
TRIGGER = FUNCTION = "messages_partitioning_follow"
# Ends of the names of constraints and indexes: of the copy until the switch, and of the former table after it.
_NEW, _OLD = "_new", "_old"

_COLUMNS = """
    SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = 'messages'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'messages'::regclass AND contype IN ('p', 'u') ORDER BY conname
"""
_INDEXES = """
    SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'messages'::regclass AND indisvalid
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY relname
"""
_OPTIONS = "SELECT unnest(reloptions) FROM pg_class WHERE oid = 'messages'::regclass"
_GRANTS = f"""
    SELECT format('GRANT %s ON {NEW} TO %s', privilege_type,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE CAST(grantee::regrole AS text) END)
        || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    FROM pg_class, aclexplode(relacl) WHERE oid = 'messages'::regclass AND grantee <> relowner
"""
# Objects that would be dropped with the table, or that would prevent the drop after hours of copying.
_IN_THE_WAY = f"""
    SELECT 'the trigger ' || tgname FROM pg_trigger
    WHERE tgrelid = 'messages'::regclass AND NOT tgisinternal AND tgname <> '{TRIGGER}'
    UNION ALL SELECT 'the foreign key ' || conname FROM pg_constraint
    WHERE contype = 'f' AND 'messages'::regclass IN (conrelid, confrelid)
    UNION ALL SELECT 'the view ' || CAST(r.ev_class::regclass AS text)
    FROM pg_rewrite AS r JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'messages'::regclass
    UNION ALL SELECT 'the policy ' || polname FROM pg_policy WHERE polrelid = 'messages'::regclass
    UNION ALL SELECT 'the publication ' || pubname FROM pg_publication_rel
    JOIN pg_publication AS p ON p.oid = prpubid WHERE prrelid = 'messages'::regclass
    LIMIT 1
"""

# A row of the copy with the same key or id as a row of messages is out of date: a step copied it while it was deleted
# or changed. The loop ends, because each statement sees what others committed before it.
_FOLLOW = """
    CREATE OR REPLACE FUNCTION {schema}.{function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            DELETE FROM {schema}.{new} WHERE conversation_id = OLD.conversation_id AND seq = OLD.seq;
        END IF;
        IF TG_OP = 'DELETE' OR OLD.conversation_id <> NEW.conversation_id OR OLD.seq <> NEW.seq THEN
            INSERT INTO {schema}.{deletions} VALUES (OLD.conversation_id, OLD.seq);
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN NULL;
        END IF;
        LOOP
            INSERT INTO {schema}.{new} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING;
            EXIT WHEN FOUND;
            DELETE FROM {schema}.{new} WHERE conversation_id = NEW.conversation_id AND seq = NEW.seq;
            DELETE FROM {schema}.{new} WHERE conversation_id = NEW.conversation_id AND id = NEW.id;
        END LOOP;
        RETURN NULL;
    END $$
"""


def run(conn: psycopg.Connection[Any], statement: str, *values: Any) -> psycopg.Cursor[Any]:
    """Runs a statement, whose parameters are ``%s``."""
    return conn.execute(statement.encode(), values or None)


def value_of(conn: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
    """Returns the first value of the first row, or None if there is no row."""
    row = run(conn, statement, *values).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The definition of ``messages``, and the number of partitions. Columns, constraints and indexes are pairs of a
    name and a type or definition.
    """

    partitions: int
    schema: str
    columns: list[tuple[str, str]]
    constraints: list[tuple[str, str]]
    indexes: list[tuple[str, str]]
    options: list[str]

    @property
    def names(self) -> str:
        """Returns the columns as in a statement."""
        return ", ".join(name for name, _ in self.columns)


def read_layout(conn: psycopg.Connection[Any], partitions: int) -> Layout:
    schema = "SELECT quote_ident(nspname) FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid"
    return Layout(
        partitions,
        value_of(conn, f"{schema} WHERE c.oid = 'messages'::regclass"),
        run(conn, _COLUMNS).fetchall(),
        run(conn, _CONSTRAINTS).fetchall(),
        run(conn, _INDEXES).fetchall(),
        [option for (option,) in run(conn, _OPTIONS)],
    )


def exists(conn: psycopg.Connection[Any], table: str) -> bool:
    return bool(value_of(conn, "SELECT to_regclass(%s) IS NOT NULL", table))


def is_partitioned(conn: psycopg.Connection[Any]) -> bool:
    """Returns whether ``messages`` is partitioned."""
    return bool(value_of(conn, "SELECT relkind = 'p' FROM pg_class WHERE oid = 'messages'::regclass"))


def find_in_the_way(conn: psycopg.Connection[Any]) -> str | None:
    """Returns the name of an object that depends on ``messages`` and would not survive the switch, or None."""
    found: str | None = value_of(conn, _IN_THE_WAY)
    return found


def create_copy(conn: psycopg.Connection[Any], layout: Layout) -> None:
    """Creates the empty copy with its helpers, in the caller's transaction. The partitions get indexes by themselves,
    because those of the whole table exist first.
    """
    like = "LIKE messages INCLUDING ALL EXCLUDING INDEXES"
    run(conn, f"CREATE TABLE {NEW} ({like}) PARTITION BY HASH (conversation_id)")
    for name, definition in layout.constraints:
        run(conn, f'ALTER TABLE {NEW} ADD CONSTRAINT "{name}{_NEW}" {definition}')
    for name, definition in layout.indexes:
        before, _, after = definition.partition(" USING ")
        unique = "UNIQUE" if before.startswith("CREATE UNIQUE") else ""
        run(conn, f'CREATE {unique} INDEX "{name}{_NEW}" ON {NEW} USING {after}')
    options = f"WITH ({', '.join(layout.options)})" if layout.options else ""
    for number in range(layout.partitions):
        values = f"FOR VALUES WITH (MODULUS {layout.partitions}, REMAINDER {number})"
        run(conn, f"CREATE TABLE messages_p{number} PARTITION OF {NEW} {values} {options}")
    for (grant,) in run(conn, _GRANTS).fetchall():
        run(conn, grant)
    _create_helpers(conn, layout)


def _create_helpers(conn: psycopg.Connection[Any], layout: Layout) -> None:
    lowest = "bigint NOT NULL DEFAULT -9223372036854775808"
    run(conn, f"CREATE TABLE {DELETIONS} (conversation_id bigint, seq bigint)")
    run(
        conn,
        f"CREATE TABLE {PROGRESS} (layout text, follows boolean DEFAULT false, copied bigint DEFAULT 0,"
        f" conversation_id {lowest}, seq {lowest})",
    )
    run(conn, f"INSERT INTO {PROGRESS} (layout) VALUES (%s)", repr(layout))
    values = ", ".join(f"NEW.{name}" for name, _ in layout.columns)
    names = {"schema": layout.schema, "function": FUNCTION, "new": NEW, "deletions": DELETIONS}
    run(conn, _FOLLOW.format(**names, columns=layout.names, values=values))


def drop_trigger(conn: psycopg.Connection[Any]) -> None:
    run(conn, f"DROP TRIGGER IF EXISTS {TRIGGER} ON messages")


def drop_copy(conn: psycopg.Connection[Any]) -> None:
    """Drops everything that ``create_copy`` makes, as far as it exists. The trigger must be gone."""
    run(conn, f"DROP TABLE IF EXISTS {NEW}, {PROGRESS}, {DELETIONS}")
    run(conn, f"DROP FUNCTION IF EXISTS {FUNCTION}")


def exchange(conn: psycopg.Connection[Any], layout: Layout) -> None:
    """Gives the copy the names of ``messages`` and of its constraints and indexes, and ``messages`` other names.

    Changes names only, so it takes milliseconds.
    """
    run(conn, f"ALTER TABLE messages RENAME TO {OLD}")
    run(conn, f"ALTER TABLE {NEW} RENAME TO messages")
    for name, _ in layout.constraints + layout.indexes:  # an index of a constraint gives its name to the constraint
        run(conn, f'ALTER INDEX "{name}" RENAME TO "{name}{_OLD}"')
        run(conn, f'ALTER INDEX "{name}{_NEW}" RENAME TO "{name}"')


def drop_former(conn: psycopg.Connection[Any]) -> None:
    run(conn, f"DROP TABLE {OLD}, {PROGRESS}, {DELETIONS}")
    run(conn, f"DROP FUNCTION {FUNCTION}")
