"""Direct conversations: their two users, which of the two cannot write, and from whom the conversation is held back.

If a user does not let another one write to them, a conversation that the other one opens is held back from them: their
row of members has left_seq 0, so that to them it does not exist. The other user sees no difference. When they accept
the request, or open the conversation themselves, they become a member like any other (Kind.ADMITTED), for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.store.conversation_keys import of_pairs
from app.store.distribution import ListStatement
from app.store.layout import is_distributed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm


class DirectPair(NamedTuple):
    """``held`` is the user from whom the conversation is held back, or None."""

    conversation_id: int
    low: int
    high: int
    held: int | None = None

    def other_than(self, user_id: int | None) -> int | None:
        """Returns the other one of the two users, or None for somebody who is not one of them."""
        return {self.low: self.high, self.high: self.low}.get(user_id or 0)


def pair_of(one: int, other: int) -> tuple[int, int]:
    """Returns the two users of a direct conversation in the order in which it is stored."""
    return min(one, other), max(one, other)


def blockers_of(conversation: str, one: str, other: str) -> str:
    """Returns SQL for the users of a direct conversation who cannot write in it.

    A user cannot write if they have blocked the other user, or if the other user's account is deleted and the removal
    of its data has passed this conversation.
    """
    return f"""
        SELECT b.user_id FROM blocks AS b
        WHERE (b.user_id = {one} AND b.blocked_id = {other}) OR (b.user_id = {other} AND b.blocked_id = {one})
        UNION
        SELECT {one} + {other} - d.user_id FROM account_deletions AS d
        WHERE d.user_id IN ({one}, {other}) AND {one} <> {other}
          AND (d.finished_at IS NOT NULL OR d.conversation_id > {conversation})
        ORDER BY 1"""


_HELD = "(SELECT m.user_id FROM members AS m WHERE m.conversation_id = c.id AND m.left_seq = 0)"
_FIND = OneForm("SELECT id FROM conversations WHERE direct_low = :low AND direct_high = :high")
_PAIRS = ListStatement(
    f"""
    SELECT c.id, c.direct_low, c.direct_high, {_HELD} FROM conversations AS c
    WHERE c.id = ANY(CAST(:ids AS bigint[])) AND c.direct_low IS NOT NULL
""",
    "ids",
)
_BLOCKERS = HotStatement(
    blockers_of("CAST(:conversation_id AS bigint)", "CAST(:one AS bigint)", "CAST(:other AS bigint)")
)


_BLOCKERS_AMONG = HotStatement(f"""
    SELECT c, ARRAY({blockers_of("c", "one", "other")})
    FROM unnest(CAST(:ids AS bigint[]), CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) AS pair (c, one, other)
""")


def find_direct(conn: Connection, user: int, other: int) -> int | None:
    """Returns the id of the two users' direct conversation, or None if it was never opened."""
    low, high = pair_of(user, other)
    if is_distributed(conn):
        return of_pairs(conn, [(low, high)]).get((low, high))
    row = _FIND.row(conn, low=low, high=high)
    return None if row is None else int(row[0])


def pairs_of(conn: Connection, conversation_ids: Sequence[int]) -> list[DirectPair]:
    """Returns the pairs of the direct ones among the conversations."""
    return [DirectPair(*row) for row in _PAIRS.rows(conn, ids=int_array(conversation_ids))]


def blockers(conn: Connection, conversation_id: int, one: int, other: int) -> list[int]:
    """Returns which of the two users cannot write in their conversation."""
    return [user for (user,) in _BLOCKERS.rows(conn, conversation_id=conversation_id, one=one, other=other)]


def blockers_among(conn: Connection, pairs: Sequence[tuple[int, int, int]]) -> dict[int, list[int]]:
    """Returns conversation -> the users who cannot write in it, for (conversation, low, high)."""
    if not pairs:
        return {}
    ids, lows, highs = (int_array(column) for column in zip(*pairs, strict=True))
    return dict(_BLOCKERS_AMONG.rows(conn, ids=ids, lows=lows, highs=highs))
