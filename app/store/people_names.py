"""The terms of display names (app/core/people_names.py). They are written in the same transaction as the name. The
indexer writes the terms of older users, and all terms again after a change of the analyser.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import literal_column

from app.core.people_names import NameQuery, name_terms
from app.store.distribution import UserStatement
from app.store.layout import is_distributed
from app.store.models import User, UserNameTerm
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, OneForm

# Candidates that are compared with the whole query. Only very common names have more.
MAX_CANDIDATES = 500
# Selects users whose names have a word that begins with the first word of the query, then compares the other words.
_FIND = HotStatement("""
    SELECT u.id, u.username, u.display_name FROM users AS u
    WHERE u.deleted_at IS NULL AND u.id IN (
        SELECT n.user_id FROM user_name_terms AS n
        WHERE n.term >= :first AND n.term < :after
          AND NOT EXISTS (
              SELECT FROM unnest(CAST(:words AS text[])) AS other (word)
              WHERE NOT EXISTS (
                  SELECT FROM user_name_terms AS o WHERE o.user_id = n.user_id AND starts_with(o.term, other.word)))
        LIMIT :limit)
""")
# True if a user (alias u) may match the NameQuery of ``match_values``.
MATCHES = """(starts_with(u.username, :start) OR starts_with(lower(u.display_name), :start) OR NOT EXISTS (
    SELECT FROM unnest(CAST(:words AS text[])) AS asked (word)
    WHERE NOT EXISTS (
        SELECT FROM user_name_terms AS n WHERE n.user_id = u.id AND starts_with(n.term, asked.word))))"""
# People of common conversations.
_CONTACTS = OneForm(f"""
    SELECT u.id, u.username, u.display_name FROM users AS u
    WHERE u.deleted_at IS NULL AND u.id IN (
        SELECT theirs.user_id FROM members AS mine
        JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
        WHERE mine.user_id = :viewer AND mine.left_seq IS NULL AND coalesce(theirs.left_seq, 0) = 0)
      AND {MATCHES}
    ORDER BY u.username LIMIT :limit
""")
# In parts, for distributed conversations.
_MET = UserStatement("""
    SELECT DISTINCT theirs.user_id FROM members AS mine
    JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
    WHERE mine.user_id = :viewer AND mine.left_seq IS NULL AND coalesce(theirs.left_seq, 0) = 0
""")
_AMONG = HotStatement(f"""
    SELECT u.id, u.username, u.display_name FROM users AS u
    WHERE u.deleted_at IS NULL AND u.id = ANY(CAST(:users AS bigint[])) AND {MATCHES}
    ORDER BY u.username LIMIT :limit
""")


def write_name(conn: Connection, user_id: int, display_name: str) -> None:
    """Replaces the terms of a user's name. Needs a transaction."""
    remove_name(conn, user_id)
    write_new_names(conn, [(user_id, display_name)])


def write_new_names(conn: Connection, named: Sequence[tuple[int, str]]) -> None:
    """Writes the terms of new users, given as (id, name)."""
    terms = [{"user_id": user, "term": term} for user, name in named for term in sorted(name_terms(name))]
    if terms:
        conn.execute(insert(UserNameTerm).on_conflict_do_nothing(), terms)


def remove_name(conn: Connection, user_id: int) -> None:
    conn.execute(delete(UserNameTerm).where(UserNameTerm.user_id == user_id))


def write_names_after(conn: Connection, user_id: int, limit: int) -> int | None:
    """Writes the names of the next users by id. Returns the id of the last, or None if there are none.

    Needs a transaction. The users' rows are locked, so that nobody is renamed in between.
    """
    users = select(User.id, User.display_name).where(User.id > user_id, User.deleted_at.is_(None))
    found = conn.execute(users.order_by(User.id).limit(limit).with_for_update(read=True)).all()
    for one, name in found:
        write_name(conn, one, name)
    return found[-1][0] if found else None


def find_by_name(conn: Connection, query: NameQuery) -> list[tuple[str, int]]:
    """Returns (username, id) of users whose display names match."""
    if not query.words:
        return []
    first, *others = sorted(query.words, key=len, reverse=True)
    rows = _FIND.rows(conn, first=first, after=_after_prefix(first), words=text_array(others), limit=MAX_CANDIDATES)
    return [(username, id_) for id_, username, name in rows if query.matches(username, name)]


def contacts_by_name(conn: Connection, viewer: int, query: NameQuery) -> list[tuple[str, int]]:
    """Returns (username, id) of people of the viewer's conversations whose usernames or display names match."""
    values = {**match_values(query), "limit": MAX_CANDIDATES}
    if is_distributed(conn):
        met = int_array(user for (user,) in _MET.rows(conn, [viewer], viewer=viewer))
        rows = _AMONG.rows(conn, users=met, **values)
    else:
        rows = _CONTACTS.rows(conn, viewer=viewer, **values)
    return [(username, id_) for id_, username, name in rows if query.matches(username, name)]


def match_values(query: NameQuery) -> dict[str, str]:
    """Returns the parameters of MATCHES. If the query has no word, only the beginnings of whole names count."""
    return {"start": query.start, "words": text_array(query.words or [query.start])}


def ids_with_prefix(name: ColumnElement[str], low: str, limit: int) -> Select[int]:
    """Selects the first users by the beginning of a whole name.

    Bounds instead of LIKE: a prepared plan does not contain the pattern, so LIKE could not use the index.

    The operators ``~…~`` compare in byte order, as the prefix indexes do.
    """
    in_range = name.op("~>=~", is_comparison=True)(low), name.op("~<~", is_comparison=True)(_after_prefix(low))
    byte_order = name.op("USING")(literal_column("~<~"))
    return select(User.id).where(*in_range, User.deleted_at.is_(None)).order_by(byte_order).limit(limit)


def _after_prefix(prefix: str) -> str:
    """Returns the smallest text, by code points, that is greater than all texts that begin with ``prefix``."""
    last = ord(prefix[-1]) + 1
    if last > 0x10FFFF:
        return prefix + chr(0x10FFFF)
    return prefix[:-1] + chr(0xE000 if 0xD800 <= last < 0xE000 else last)
