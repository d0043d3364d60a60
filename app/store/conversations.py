"""Conversations: the state that is written to Redis, and the lists of members' conversations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from app.core.avatars import shown
from app.core.metadata import as_text
from app.store.direct_pairs import blockers_among, blockers_of
from app.store.distribution import UserStatement
from app.store.drafts import StoredDraft, draft_columns
from app.store.layout import is_distributed, routed
from app.store.messages import StoredMessage, columns, not_hidden
from app.store.noted_changes import EVERYTHING, LATEST_NOTED, LATEST_OF_USER, SEEN
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, ms_of
from app.store.unread import COUNT_CAP, IS_MARKED_UNREAD, read_by, unread_count

# The fields of a group that Redis and events have beside its members.
INFO = ("name", "description", "avatarUrl", "history", "externalId", "readOnly", "metadata")
# The number of members that are shown with a conversation. Further members are read page by page.
MEMBERS_SHOWN = 100


class MemberState(NamedTuple):
    user_id: int
    role: str
    delivered_seq: int
    read_seq: int


class JoinedMember(NamedTuple):
    """``joined_seq``: the message about the member's joining, or 0 for members from the beginning. The marks of a new
    member begin there, although they have received nothing before it.
    """

    user_id: int
    role: str
    delivered_seq: int
    read_seq: int
    joined_seq: int


class ConversationState(Struct, frozen=True):
    """The state of a conversation that Redis needs, from one snapshot.

    ``info`` has the fields of INFO of a group, without those that are not set; the metadata as text. ``floors`` is
    user -> seq up to which the user sees no messages, without zeros. ``blockers`` are the users of a direct
    conversation who cannot write in it (direct_pairs.py).
    """

    id: int
    kind: str
    last_seq: int
    version: int
    members: list[MemberState]
    info: dict[str, Any]
    floors: dict[int, int]
    blockers: list[int]
    marked_unread: list[int] = []


class ActivityCursor(NamedTuple):
    """A position in a list that is sorted by newest activity: microseconds since 1970, then id."""

    activity_us: int
    id: int


class ConversationSummary(Struct, frozen=True):
    """A conversation as one of its members sees it. ``members`` is empty for groups in a list.

    ``last_message`` is the newest message that this member sees. ``mentions`` is the number of unread messages that
    mention the member or all members. ``archived``, ``pinned_ms``, ``muted_until_ms`` and ``except_mentions`` (of
    muting) are the member's own settings.
    """

    id: int
    kind: str
    name: str | None
    last_seq: int
    version: int
    activity_us: int
    member_count: int
    read_seq: int
    unread: int
    muted_until_ms: int | None
    last_message: StoredMessage | None
    members: list[JoinedMember]
    description: str | None
    avatar_url: str | None
    history: str
    archived: bool
    pinned_ms: int | None
    visible_from: int
    joined_version: int
    role: str
    mentions: int
    info_version: int
    except_mentions: bool
    marked_unread_seq: int | None
    external_id: str | None
    read_only: bool
    metadata: dict[str, Any] | None
    draft: StoredDraft | None

    @property
    def cursor(self) -> ActivityCursor:
        return ActivityCursor(self.activity_us, self.id)


# One row per conversation, so that its name is not repeated for each of 5,000 members.
def _state_with(blockers: str) -> str:
    return f"""
    SELECT c.id, c.kind, c.last_seq, c.version, c.name, c.description, c.avatar_url, c.history, c.external_id,
           CASE WHEN c.read_only THEN true END, c.metadata,
           m.users, m.roles, m.delivered, m.read, m.floors,
           {blockers}, m.marked
    FROM unnest(CAST(:ids AS bigint[])) AS wanted (id)
    JOIN conversations AS c ON c.id = wanted.id AND c.member_count <= :most_members
    CROSS JOIN LATERAL (
        SELECT array_agg(user_id) AS users, array_agg(role) AS roles, array_agg(last_delivered_seq) AS delivered,
               array_agg(last_read_seq) AS read, array_agg(visible_from) AS floors,
               array_agg(user_id) FILTER (WHERE {IS_MARKED_UNREAD}) AS marked
        FROM (SELECT * FROM members AS x
              WHERE x.conversation_id = c.id AND x.left_seq IS NULL ORDER BY x.user_id) AS x
    ) AS m
    ORDER BY c.id
"""


_STATE = OneForm(_state_with(f"""ARRAY({blockers_of("c.id", "c.direct_low", "c.direct_high")})"""))
# For distributed conversations, which block nobody: their two users are looked up.
_STATE_AND_PAIR = HotStatement(routed(_state_with("ARRAY[c.direct_low, c.direct_high]"), "ids"))
_MEMBERS = OneForm("""
    SELECT c, m.user_id, m.role, m.last_delivered_seq, m.last_read_seq, m.joined_seq
    FROM unnest(CAST(:ids AS bigint[])) AS wanted (c)
    CROSS JOIN LATERAL (
        SELECT * FROM members AS x
        WHERE x.conversation_id = c AND coalesce(x.left_seq, 0) = 0 ORDER BY x.user_id LIMIT :limit
    ) AS m
    ORDER BY c, m.user_id
""")
_MEMBERS_OF = HotStatement("""
    SELECT conversation_id, user_id, role, last_delivered_seq, last_read_seq, joined_seq FROM (
        SELECT x.*, row_number() OVER (PARTITION BY x.conversation_id ORDER BY x.user_id) AS n FROM members AS x
        WHERE x.conversation_id = ANY(CAST(:ids AS bigint[])) AND coalesce(x.left_seq, 0) = 0
    ) AS m WHERE n <= :limit ORDER BY conversation_id, user_id
""")
_IDS_OF = UserStatement("""
    SELECT conversation_id FROM members WHERE user_id = :user_id AND left_seq IS NULL ORDER BY conversation_id
""")
# Beyond the read mark. A message that mentions both the member and all members counts once.
_MENTIONS = f"""(
    SELECT count(*) FROM (
        (SELECT x.seq FROM mentions AS n
         JOIN messages AS x ON x.conversation_id = n.conversation_id AND x.seq = n.seq AND x.sender_id <> m.user_id
         WHERE n.user_id = m.user_id AND n.conversation_id = m.conversation_id
           AND n.seq > greatest({read_by("m")}, m.visible_from) AND {not_hidden("x", "m.user_id")}
         LIMIT {COUNT_CAP})
        UNION
        (SELECT x.seq FROM messages AS x
         WHERE x.mentions_all AND x.conversation_id = m.conversation_id AND x.sender_id <> m.user_id
           AND x.seq > greatest({read_by("m")}, m.visible_from) AND {not_hidden("x", "m.user_id")}
         LIMIT {COUNT_CAP})
    ) AS naming)"""


_SUMMARY = f"""c.id, c.kind, c.name, c.last_seq, c.version,
               CAST(date_part('epoch', c.last_activity_at) * 1000000 AS bigint),
               c.member_count, {read_by("m")},
               CASE WHEN c.last_seq > {read_by("m")} THEN {unread_count("m")} ELSE 0 END, {ms_of("m.muted_until")},
               c.description, c.avatar_url, c.history, m.archived, {ms_of("m.pinned_at")},
               m.visible_from, m.joined_version, m.role,
               CASE WHEN c.last_seq > {read_by("m")} THEN {_MENTIONS} ELSE 0 END, c.info_version,
               m.mute_except_mentions, m.marked_unread_seq, c.external_id, c.read_only, c.metadata"""


def _summaries(which: str, candidates: str = "", order_and_limit: str = "") -> OneForm:
    """Returns a statement for the conversations that match ``which`` (over members m, conversations c, and perhaps
    ``candidates``).

    Last messages and counts are computed only for the conversations of the page, and counts only for the few of them
    that are not fully read. The rows of members and conversations are passed on as they were found.
    """
    return OneForm(f"""
        {LATEST_OF_USER if candidates else ""}
        SELECT {_SUMMARY},
               {draft_columns("d")}, {columns("last")}{SEEN if candidates else ""}
        FROM (
            SELECT c, m FROM {candidates} members AS m JOIN conversations AS c ON c.id = m.conversation_id
            WHERE m.user_id = :user_id AND m.left_seq IS NULL AND {which} {order_and_limit}
        ) AS page
        CROSS JOIN LATERAL (SELECT (page.c).*) AS c
        CROSS JOIN LATERAL (SELECT (page.m).*) AS m
        LEFT JOIN drafts AS d ON d.user_id = m.user_id AND d.conversation_id = c.id
        LEFT JOIN LATERAL (
            SELECT * FROM messages AS x
            WHERE x.conversation_id = c.id AND x.seq > m.visible_from AND {not_hidden("x", "m.user_id")}
            ORDER BY x.seq DESC LIMIT 1
        ) AS last ON true
        ORDER BY c.last_activity_at DESC, c.id DESC
    """)


def _summaries_of(which: str, order_and_limit: str = "") -> HotStatement:
    """Returns the same for the conversations of the parameter ``within``. It names the columns, because whole rows hide
    from Citus by which column they are distributed.
    """
    return HotStatement(
        routed(
            f"""
        SELECT {_SUMMARY}, {draft_columns("d")}, {columns("last")}
        FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
        LEFT JOIN drafts AS d ON d.user_id = m.user_id AND d.conversation_id = m.conversation_id
        LEFT JOIN LATERAL (
            SELECT * FROM messages AS x
            WHERE x.conversation_id = m.conversation_id AND x.seq > m.visible_from AND {not_hidden("x", "m.user_id")}
            ORDER BY x.seq DESC LIMIT 1
        ) AS last ON true
        WHERE m.user_id = :user_id AND m.left_seq IS NULL AND {which}
        ORDER BY c.last_activity_at DESC, c.id DESC {order_and_limit}
    """,
            "within",
        )
    )


# A conversation that its member removed from the list comes back with the next message that the member sees.
_LISTED = f"""(m.removed_seq IS NULL OR c.last_seq > m.removed_seq AND EXISTS (
    SELECT FROM messages AS x
    WHERE x.conversation_id = c.id AND x.seq > m.removed_seq AND {not_hidden("x", "m.user_id")}
))"""
_BEFORE = "(c.last_activity_at, c.id) < (to_timestamp(CAST(:us AS float8) / 1000000), :id)"
_PAGE = _summaries(
    f"""m.conversation_id = latest.conversation_id AND {_LISTED}
    AND {_BEFORE}""",
    "latest, ",
    "ORDER BY c.last_activity_at DESC, c.id DESC LIMIT :limit",
)
_PAGE_OF = _summaries_of(f"{_LISTED} AND {_BEFORE}", "LIMIT :limit")
_ONE = _summaries("m.conversation_id = :conversation_id")
_ONE_OF = _summaries_of("m.conversation_id = :conversation_id")
ANY_NUMBER = 2**31 - 1  # of members
_END_OF_TIME_US = 4_102_444_800_000_000  # the year 2100


def load_state(
    conn: Connection, conversation_ids: Sequence[int], most_members: int = ANY_NUMBER
) -> list[ConversationState]:
    """Returns the state of those conversations that exist and have at most ``most_members``, ordered by id."""
    values = {"ids": int_array(conversation_ids), "most_members": most_members}
    if not is_distributed(conn):
        return [_state(row) for row in _STATE.rows(conn, **values)]
    rows = _STATE_AND_PAIR.rows(conn, **values)
    found = blockers_among(conn, [(row[0], *row[-2]) for row in rows if row[1] == "direct"])
    return [_state((*row[:-2], found.get(row[0], []), row[-1])) for row in rows]


def _state(row: tuple[Any, ...]) -> ConversationState:
    conversation, kind, last_seq, version, *info, users, roles, delivered, read, floors, blockers, marked = row
    members = list(map(MemberState, users or (), roles or (), delivered or (), read or ()))
    given = zip(INFO, info, strict=True)
    named = {name: value for name, value in given if value is not None} if kind == "group" else {}
    if shown(named.get("avatarUrl")) is None:
        named.pop("avatarUrl", None)
    if "metadata" in named:
        named["metadata"] = as_text(named["metadata"])
    hidden = {user: floor for user, floor in zip(users or (), floors or (), strict=True) if floor}
    return ConversationState(conversation, kind, last_seq, version, members, named, hidden, blockers, marked or [])


def conversation_ids_of(conn: Connection, user_id: int) -> list[int]:
    """Returns the ids of the conversations of which the user is a member, in order."""
    return [conversation for (conversation,) in _IDS_OF.rows(conn, [user_id], user_id=user_id)]


def list_page(
    conn: Connection, user_id: int, *, before: ActivityCursor | None = None, limit: int = 50
) -> tuple[list[ConversationSummary], bool]:
    """Returns the user's conversations by newest activity, and whether there are more. Runs two statements, or three if
    many conversations changed at the same time.

    The ``cursor`` of the last conversation is the ``before`` of the next page.
    """
    us, last_id = before or (_END_OF_TIME_US, 0)
    place = {"user_id": user_id, "us": us, "id": last_id, "limit": limit + 1}
    rows = _look(conn, place, limit, after_us=us, look=limit + limit // 10 + 3)
    shown = rows[:limit]
    members = _members(conn, [row[0] for row in shown if row[1] == "direct"])
    return [_summary(row, members) for row in shown], len(rows) > limit


def _look(conn: Connection, place: dict[str, int], limit: int, *, after_us: int, look: int) -> list[tuple[Any, ...]]:
    """Returns the rows of the page. Looks at the conversations that seem to be active last, and at more of them while
    others may belong to the page.
    """
    rows = _read_page(conn, {**place, "after_us": after_us, "look": look})
    seen = rows[0][-2:] if rows else None
    if (seen and seen[0] is None) or look == EVERYTHING:
        return rows
    if seen is None or len(rows) <= limit:
        return _look(conn, place, limit, after_us=after_us, look=8 * look if seen else EVERYTHING)
    last_us, last_id = rows[limit - 1][5], rows[limit - 1][0]
    if (last_us, last_id) >= seen:
        return rows
    return _look(conn, place, limit, after_us=last_us - 1, look=limit)  # others of the page seem to be active later


def _read_page(conn: Connection, place: dict[str, int]) -> list[tuple[Any, ...]]:
    if not is_distributed(conn):
        return _PAGE.rows(conn, **place)
    [(latest, *seen)] = LATEST_NOTED.rows(conn, **place)
    return [(*row, *seen) for row in _PAGE_OF.rows(conn, **place, within=int_array(latest or ()))]


def get_one(conn: Connection, user_id: int, conversation_id: int) -> ConversationSummary | None:
    """Returns the conversation with its first ``MEMBERS_SHOWN`` members; None if the user is not a member."""
    place = {"user_id": user_id, "conversation_id": conversation_id}
    if is_distributed(conn):
        rows = _ONE_OF.rows(conn, **place, within=int_array([conversation_id]))
    else:
        rows = _ONE.rows(conn, **place)
    return _summary(rows[0], _members(conn, [conversation_id])) if rows else None


def all_members_of(conn: Connection, conversation_ids: Sequence[int]) -> dict[int, list[JoinedMember]]:
    """Returns conversation -> members, without conversations of more than ``MEMBERS_SHOWN`` members."""
    found = _members(conn, conversation_ids, MEMBERS_SHOWN + 1)
    return {c: members for c, members in found.items() if len(members) <= MEMBERS_SHOWN}


def _members(
    conn: Connection, conversation_ids: Sequence[int], limit: int = MEMBERS_SHOWN
) -> dict[int, list[JoinedMember]]:
    if not conversation_ids:
        return {}
    statement = _MEMBERS_OF if is_distributed(conn) else _MEMBERS
    rows = statement.rows(conn, ids=int_array(conversation_ids), limit=limit)
    return {c: [JoinedMember(*row[1:]) for row in group] for c, group in groupby(rows, key=itemgetter(0))}


def _summary(row: tuple[Any, ...], members: dict[int, list[JoinedMember]]) -> ConversationSummary:
    draft = StoredDraft(*row[25:29]) if row[25] is not None else None
    last = StoredMessage(*row[29:47]) if row[29] is not None else None
    values = [*row[:10], last, members.get(row[0], []), *row[10:25], draft]
    return ConversationSummary(*values)
