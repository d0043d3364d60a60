"""Decides whether a user may be added to a group at once, and stores the requests of users who must agree first.

The requests of direct conversations are here as well; they are made with the conversation (open_direct.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from app.store.layout import is_distributed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, moment, ms_of
from app.store.suspensions import is_shadowed
from app.store.users import StoredUser, get_users
from app.store.visibility import SqlCondition, are_contacts, contact_values, contacts_among, contacts_given

# The waiting requests of one user. Nobody reads more, and so strangers cannot fill the table. Requests to write do not
# count, because there is at most one per conversation.
MAX_WAITING = 100


class Admission(NamedTuple):
    """``known`` are the users that exist. Users who are neither ``admitted`` nor ``asked`` have blocked the adder."""

    known: list[int]
    admitted: list[int]
    asked: list[int]


class StoredRequest(Struct, frozen=True):
    conversation_id: int
    from_id: int
    created_ms: int
    kind: Literal["group", "direct"]
    waiting: bool = True


class RequestedGroup(NamedTuple):
    """The group of a request, and the role of its sender there; None if the sender is not a member any more."""

    name: str
    member_count: int
    role: str | None


# A user has left by themselves if they wrote the message with which their membership ended.
_LEFT_ALONE = """EXISTS (
               SELECT FROM members AS m
               JOIN messages AS x ON x.conversation_id = m.conversation_id AND x.seq = m.left_seq
               WHERE m.conversation_id = :conversation_id AND m.user_id = u.id AND x.sender_id = u.id)"""


def _decision(left_alone: str, contacts: SqlCondition, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    SELECT u.id, EXISTS (SELECT FROM blocks WHERE user_id = u.id AND blocked_id = :adder),
           NOT {left_alone}
           AND NOT EXISTS (SELECT FROM users AS a WHERE a.id = :adder AND {is_shadowed("a")})
           AND CASE u.may_add WHEN 'everyone' THEN true
               WHEN 'contacts' THEN {contacts("u.id", ":adder")} ELSE false END
    FROM users AS u WHERE u.id = ANY(CAST(:ids AS bigint[])) AND u.deleted_at IS NULL
""")


_DECIDE = _decision(_LEFT_ALONE, are_contacts, OneForm)
# For distributed conversations.
_DECIDE_GIVEN = _decision("u.id = ANY(CAST(:left_alone AS bigint[]))", contacts_given)
_HAVE_LEFT = HotStatement("""
    SELECT m.user_id FROM members AS m
    JOIN messages AS x ON x.conversation_id = m.conversation_id AND x.seq = m.left_seq AND x.sender_id = m.user_id
    WHERE m.conversation_id = :conversation_id AND m.user_id = ANY(CAST(:ids AS bigint[]))
""")


def _ask(may_ask: str, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    INSERT INTO requests AS r (user_id, conversation_id, from_id)
    SELECT u, :conversation_id, :from_id FROM unnest(CAST(:ids AS bigint[])) AS u
    WHERE {may_ask}
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET from_id = excluded.from_id, created_at = excluded.created_at, answered_at = NULL
    WHERE r.answered_at IS NOT NULL AND NOT r.refused
    RETURNING r.user_id
""")


_ASK = _ask(
    f"""(SELECT count(*) FROM requests AS x
           JOIN conversations AS c ON c.id = x.conversation_id AND c.kind = 'group'
           WHERE x.user_id = u AND NOT x.refused AND x.answered_at IS NULL) < {MAX_WAITING}""",
    OneForm,
)
# While a user has a shadow suspension, nobody sees their requests.
_SHOWN = f"NOT EXISTS (SELECT FROM users AS s WHERE s.id = r.from_id AND {is_shadowed('s')})"
_IS_OPEN = f"""
    NOT r.refused AND r.answered_at IS NULL AND {_SHOWN}
    AND NOT EXISTS (SELECT FROM blocks AS b WHERE b.user_id = r.user_id AND b.blocked_id = r.from_id)
"""
_WAITS = f"""{_IS_OPEN}
    AND NOT EXISTS (SELECT FROM members AS m WHERE m.conversation_id = r.conversation_id
                    AND m.user_id = r.user_id AND m.left_seq IS NULL)
"""


class _Requests:
    """A statement for requests: ``{columns}`` are the fields of StoredRequest without ``waiting``, after the user.
    ``{waits}`` is true if the user may still answer.

    Requests are never distributed. If the conversations are, their kinds and members are looked up.
    """

    def __init__(self, statement: str) -> None:
        columns = f"r.user_id, r.conversation_id, r.from_id, {ms_of('r.created_at')}"
        source = "requests AS r JOIN conversations AS c ON c.id = r.conversation_id"
        self._one = OneForm(statement.format(columns=f"{columns}, c.kind", source=source, waits=_WAITS))
        alone = statement.format(columns=f"{columns}, NULL", source="requests AS r", waits=_IS_OPEN)
        self.distributed = HotStatement(alone)

    def rows(self, conn: Connection, *, waiting: bool = False, **values: Any) -> list[tuple[Any, ...]]:
        """Returns the user, the fields, and perhaps whether the request waits. ``waiting``: the statement returns only
        those that do.
        """
        if not is_distributed(conn):
            return self._one.rows(conn, **values)
        rows = self.distributed.rows(conn, **values)
        if not rows:
            return []
        ids, users = int_array({row[1] for row in rows}), int_array({row[0] for row in rows})
        kinds = dict(_KINDS.rows(conn, ids=ids))
        members = set(_MEMBERS.rows(conn, ids=ids, users=users))
        kept = [row for row in rows if row[1] in kinds and not (waiting and row[:2] in members)]
        return [(*row[:4], kinds[row[1]], *(waits and row[:2] not in members for waits in row[5:])) for row in kept]


_WAITING = _Requests(f"""
    SELECT {{columns}} FROM {{source}}
    WHERE r.user_id = :user_id AND (:only = 0 OR r.conversation_id = :only) AND {{waits}}
    ORDER BY r.created_at DESC, r.conversation_id LIMIT {MAX_WAITING}
""")
_OF_SENDER = _Requests("""
    SELECT {columns} FROM {source}
    WHERE r.user_id = :user_id AND r.from_id = :from_id AND NOT r.refused AND r.answered_at IS NULL
""")
_ASKED = _Requests("""
    SELECT {columns} FROM {source}
    WHERE r.conversation_id = :conversation_id AND r.user_id = ANY(CAST(:ids AS bigint[])) AND {waits}
""")
# A request that came under a block does not exist for the user.
_CHANGED = _Requests(f"""
    SELECT {{columns}}, {{waits}} FROM {{source}}
    LEFT JOIN blocks AS b ON b.user_id = r.user_id AND b.blocked_id = r.from_id
    WHERE r.user_id = :user_id AND greatest(r.created_at, r.answered_at, b.created_at) > :since
      AND coalesce(b.created_at > r.created_at, true) AND {_SHOWN}
    ORDER BY r.created_at DESC, r.conversation_id LIMIT {MAX_WAITING}
""")
_GROUP = HotStatement("""
    SELECT coalesce(c.name, ''), c.member_count, m.role FROM conversations AS c
    LEFT JOIN members AS m ON m.conversation_id = c.id AND m.user_id = :from_id AND m.left_seq IS NULL
    WHERE c.id = :id
""")
_FOLLOWED = OneForm("""
    SELECT 1 FROM requests AS r
    JOIN members AS m ON m.conversation_id = r.conversation_id AND m.user_id = r.user_id AND m.left_seq IS NULL
    WHERE r.user_id = :user_id AND r.conversation_id = :conversation_id AND NOT r.refused
""")
# In parts, for distributed conversations.
_KINDS = HotStatement("SELECT id, kind FROM conversations WHERE id = ANY(CAST(:ids AS bigint[]))")
_MEMBERS = HotStatement("""
    SELECT user_id, conversation_id FROM members
    WHERE conversation_id = ANY(CAST(:ids AS bigint[])) AND user_id = ANY(CAST(:users AS bigint[]))
      AND left_seq IS NULL
""")
_UNANSWERED = HotStatement("""
    SELECT user_id, conversation_id FROM requests
    WHERE user_id = ANY(CAST(:ids AS bigint[])) AND NOT refused AND answered_at IS NULL
""")
_ASK_THESE = _ask("true")
_AGREED = HotStatement("""
    SELECT 1 FROM requests WHERE user_id = :user_id AND conversation_id = :conversation_id AND NOT refused
""")
_REFUSE = HotStatement("""
    UPDATE requests SET refused = true, answered_at = now()
    WHERE user_id = :user_id AND conversation_id = :conversation_id AND (refused OR answered_at IS NULL)
""")
_ANSWER = HotStatement("""
    UPDATE requests SET refused = false, answered_at = now()
    WHERE user_id = :user_id AND conversation_id = :conversation_id AND (refused OR answered_at IS NULL)
    RETURNING 1
""")
_DELETE_ALL = HotStatement("DELETE FROM requests WHERE user_id = :user_id OR from_id = :user_id")


def decide(conn: Connection, adder: int, user_ids: Sequence[int], conversation_id: int = 0) -> Admission:
    """Decides for each user whether ``adder`` may add them. ``conversation_id`` is 0 for a new group."""
    values = {"ids": int_array(user_ids), "conversation_id": conversation_id}
    if is_distributed(conn):
        left = int_array(user for (user,) in _HAVE_LEFT.rows(conn, **values))
        contacts = contact_values(contacts_among(conn, user_ids, [adder]))
        rows = _DECIDE_GIVEN.rows(conn, adder=adder, **values, left_alone=left, **contacts)
    else:
        rows = _DECIDE.rows(conn, adder=adder, **values)
    found = {user: (blocked, open_) for user, blocked, open_ in rows}
    known = [user for user in user_ids if user in found]
    admitted = [user for user in known if found[user] == (False, True)]
    return Admission(known, admitted, [user for user in known if found[user] == (False, False)])


def ask(conn: Connection, conversation_id: int, from_id: int, user_ids: Sequence[int]) -> list[int]:
    """Adds a request for each user, unless one waits already or that user has refused one to this group. Returns those
    who got one. Safe to repeat.
    """
    if not user_ids:
        return []
    values = {"conversation_id": conversation_id, "from_id": from_id}
    if is_distributed(conn):
        rows = _ASK_THESE.rows(conn, **values, ids=int_array(_with_room(conn, user_ids)))
    else:
        rows = _ASK.rows(conn, **values, ids=int_array(user_ids))
    return [user for (user,) in rows]


def _with_room(conn: Connection, user_ids: Sequence[int]) -> list[int]:
    """Returns the users for whom fewer than MAX_WAITING groups wait."""
    unanswered = _UNANSWERED.rows(conn, ids=int_array(user_ids))
    kinds = dict(_KINDS.rows(conn, ids=int_array({row[1] for row in unanswered}))) if unanswered else {}
    waiting = Counter(user for user, conversation in unanswered if kinds.get(conversation) == "group")
    return [user for user in user_ids if waiting[user] < MAX_WAITING]


def waiting(conn: Connection, user_id: int, only: int = 0) -> list[StoredRequest]:
    """Returns the requests that wait for the user's answer, newest first, without those of blocked users. ``only`` is a
    conversation, or 0 for all.
    """
    return _stored(_WAITING.rows(conn, waiting=True, user_id=user_id, only=only))


def _stored(rows: list[tuple[Any, ...]]) -> list[StoredRequest]:
    return [StoredRequest(*request) for _, *request in rows]


def asked(conn: Connection, conversation_id: int, user_ids: Sequence[int]) -> dict[int, StoredRequest]:
    """Returns the requests of this conversation that wait, by the user who must answer."""
    rows = _ASKED.rows(conn, waiting=True, conversation_id=conversation_id, ids=int_array(user_ids))
    return {user: StoredRequest(*request) for user, *request in rows}


def unanswered_of(conn: Connection, user_id: int, from_id: int) -> list[StoredRequest]:
    """Returns the unanswered requests of ``from_id`` to the user, even if the user has blocked them."""
    return _stored(_OF_SENDER.rows(conn, user_id=user_id, from_id=from_id))


def changed_since(conn: Connection, user_id: int, since_ms: int) -> list[StoredRequest]:
    """Returns the user's requests that were made or answered since then, or whose sender the user has blocked since."""
    return _stored(_CHANGED.rows(conn, user_id=user_id, since=moment(since_ms)))


def group_of(conn: Connection, request: StoredRequest) -> RequestedGroup:
    row = _GROUP.row(conn, id=request.conversation_id, from_id=request.from_id)
    return RequestedGroup(*row) if row else RequestedGroup("", 0, None)


def senders(conn: Connection, requests: Sequence[StoredRequest]) -> dict[int, StoredUser]:
    return get_users(conn, [request.from_id for request in requests])


def refuse(conn: Connection, user_id: int, conversation_id: int) -> bool:
    """Refuses a request for good. Returns False if there is none."""
    return _REFUSE.run(conn, user_id=user_id, conversation_id=conversation_id) > 0


def is_followed(conn: Connection, user_id: int, conversation_id: int) -> bool:
    """Returns whether the user agreed to a request, and is still a member."""
    place = {"user_id": user_id, "conversation_id": conversation_id}
    if is_distributed(conn):
        values = {"ids": int_array([conversation_id]), "users": int_array([user_id])}
        return _AGREED.row(conn, **place) is not None and bool(_MEMBERS.rows(conn, **values))
    return _FOLLOWED.row(conn, **place) is not None


def answer(conn: Connection, user_id: int, conversation_id: int) -> bool:
    """Notes that the user agreed, even after a refusal. Returns False if there is nothing to agree to.

    Safe to repeat.
    """
    return bool(_ANSWER.rows(conn, user_id=user_id, conversation_id=conversation_id))


def delete_requests(conn: Connection, user_id: int) -> None:
    """Deletes all requests to and from this user."""
    _DELETE_ALL.run(conn, user_id=user_id)
