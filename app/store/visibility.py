"""Visibility of users to each other: blocks between them, and who may see their presence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.store.distribution import conversations_of
from app.store.layout import is_distributed, routed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm
from app.store.suspensions import is_shadowed

# Takes SQL for two users.
SqlCondition = Callable[[str, str], str]


class Visible(NamedTuple):
    """``blocked``: one of the two has blocked the other. ``presence``: the viewer sees the presence of the user."""

    blocked: bool
    presence: bool


NOTHING = Visible(blocked=False, presence=False)

# A user who wrote in a direct conversation at all did so among its first messages, unless nobody wants an answer.
WRITTEN_AMONG = 1000


def are_contacts(owner: str, other: str) -> str:
    """Returns SQL for the condition that ``other`` is a contact of ``owner``.

    The two share a group, or a direct conversation in which ``owner`` has written. A stranger who writes to somebody
    does not become their contact. Both sides are read from the index by user.
    """
    return f"""EXISTS (
        SELECT FROM members AS mine
        JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id AND theirs.user_id = {other}
        JOIN conversations AS shared ON shared.id = mine.conversation_id
        WHERE mine.user_id = {owner} AND mine.left_seq IS NULL AND theirs.left_seq IS NULL
          AND (shared.kind = 'group' OR {owner} IN (
              SELECT x.sender_id FROM messages AS x WHERE x.conversation_id = shared.id
              ORDER BY x.seq LIMIT {WRITTEN_AMONG})))"""


# The pairs (owner, other) in which the second user is a contact of the first.
_CONTACTS = HotStatement(
    routed(
        f"""
    SELECT DISTINCT mine.user_id, theirs.user_id FROM members AS mine
    JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
    JOIN conversations AS shared ON shared.id = mine.conversation_id
    WHERE mine.user_id = ANY(CAST(:owners AS bigint[])) AND mine.left_seq IS NULL
      AND theirs.user_id = ANY(CAST(:others AS bigint[])) AND theirs.left_seq IS NULL
      AND (shared.kind = 'group' OR EXISTS (
          SELECT FROM messages AS x WHERE x.conversation_id = mine.conversation_id AND x.seq <= {WRITTEN_AMONG}
            AND x.sender_id = mine.user_id))
""",
        "within",
    )
)


def contacts_among(conn: Connection, owners: Sequence[int], others: Sequence[int]) -> set[tuple[int, int]]:
    """Returns the pairs for which ``are_contacts`` is true. For distributed conversations."""
    within = conversations_of(conn, min(owners, others, key=len))
    rows = _CONTACTS.rows(conn, owners=int_array(owners), others=int_array(others), within=within)
    return {(owner, other) for owner, other in rows}


def contacts_given(owner: str, other: str) -> str:
    """Returns SQL for the same as ``are_contacts``, with the result of ``contacts_among`` as parameters."""
    return f"""({owner}, {other}) IN (
        SELECT * FROM unnest(CAST(:contact_owners AS bigint[]), CAST(:contacts AS bigint[])))"""


def contact_values(pairs: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Returns the parameters of ``contacts_given``."""
    found = list(pairs)
    return {"contact_owners": int_array(one for one, _ in found), "contacts": int_array(other for _, other in found)}


def _shows_presence(viewer: str, contacts: SqlCondition) -> str:
    """Returns SQL for the condition that the user ``u`` shows their presence to ``viewer``, apart from blocks."""
    return f"""NOT {is_shadowed("u")} AND CASE u.last_seen_visible
        WHEN 'everyone' THEN true WHEN 'contacts' THEN {contacts("u.id", viewer)} ELSE false END"""


def _visible(contacts: SqlCondition, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    SELECT u.id, b.blocked, u.id = :viewer OR NOT b.blocked AND {_shows_presence(":viewer", contacts)}
    FROM users AS u
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM blocks WHERE user_id = :viewer AND blocked_id = u.id)
            OR EXISTS (SELECT FROM blocks WHERE user_id = u.id AND blocked_id = :viewer) AS blocked
    ) AS b
    WHERE u.id = ANY(CAST(:ids AS bigint[]))
""")


def _viewers(contacts: SqlCondition, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    SELECT viewer FROM unnest(CAST(:viewers AS bigint[])) AS asked (viewer)
    JOIN users AS u ON u.id = :owner
    WHERE viewer = u.id OR {_shows_presence("viewer", contacts)}
        AND NOT EXISTS (SELECT FROM blocks AS b WHERE b.user_id = u.id AND b.blocked_id = viewer)
        AND NOT EXISTS (SELECT FROM blocks AS b WHERE b.user_id = viewer AND b.blocked_id = u.id)
""")


_VISIBLE, _VISIBLE_GIVEN = _visible(are_contacts, OneForm), _visible(contacts_given)
_VIEWERS, _VIEWERS_GIVEN = _viewers(are_contacts, OneForm), _viewers(contacts_given)


def visible_to(conn: Connection, viewer: int, user_ids: Sequence[int]) -> dict[int, Visible]:
    """Returns what ``viewer`` may see of each of the users; users that do not exist are missing."""
    if not user_ids:
        return {}
    values = {"viewer": viewer, "ids": int_array(user_ids)}
    if is_distributed(conn):
        rows = _VISIBLE_GIVEN.rows(conn, **values, **contact_values(contacts_among(conn, user_ids, [viewer])))
    else:
        rows = _VISIBLE.rows(conn, **values)
    return {user: Visible(blocked, presence) for user, blocked, presence in rows}


def presence_viewers(conn: Connection, owner: int, viewers: Sequence[int]) -> set[int]:
    """Returns the viewers who may see the presence of ``owner``."""
    if not viewers:
        return set()
    values = {"owner": owner, "viewers": int_array(viewers)}
    if is_distributed(conn):
        rows = _VIEWERS_GIVEN.rows(conn, **values, **contact_values(contacts_among(conn, [owner], viewers)))
    else:
        rows = _VIEWERS.rows(conn, **values)
    return {viewer for (viewer,) in rows}
