"""Reactions, edits, pins and stars of messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import Connection

from app.core.kinds import CHANGE_VIEW, Kind
from app.core.message_view import View
from app.core.part import WHOLE, Part
from app.core.records import Record
from app.store.cleared import cleared_since
from app.store.distribution import ListStatement, UserStatement, conversations_of
from app.store.drafts import drafts_since
from app.store.layout import is_distributed, routed
from app.store.messages import StoredMessage, columns, hidden_since, not_hidden
from app.store.noted_changes import EVERYTHING, changed_conversations
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.shadow_changes import LASTING, LASTING_FOR, SHADOW_COLUMNS, own_record, shadowed_among
from app.store.sql import HotStatement, OneForm, ms_of, structs

# The number of pinned messages that are shown per conversation.
PINS_SHOWN = 100

Place = tuple[int, int]
Seen = tuple[int, Place]  # a viewer, and a message
Shadows = Mapping[Seen, list[Record]]


class Reaction(TypedDict):
    emoji: str
    count: int
    mine: bool


class Reacted(NamedTuple):
    """An emoji on a message. ``users`` is how many users chose it; ``viewers`` are those whom the caller named."""

    emoji: str
    users: int
    viewers: list[int]

    def seen_by(self, viewer_id: int) -> Reaction:
        return Reaction(emoji=self.emoji, count=self.users, mine=viewer_id in self.viewers)


class Details:
    """The fields of messages that differ from viewer to viewer. ``stars`` are (viewer, place); ``shadows`` are changes
    that only the viewer sees.
    """

    def __init__(
        self,
        reactions: dict[Place, list[Reacted]],
        stars: Collection[Seen],
        shadows: Shadows = MappingProxyType({}),
    ) -> None:
        self._reactions = reactions
        self._stars = stars
        self._shadows = shadows

    def show(self, view: View, viewer_id: int, place: Place) -> View:
        """Adds the fields to the view of a message that all members share, and returns it."""
        view |= self.seen_by(viewer_id, place)
        if "deletedAt" not in view:
            for record in self._shadows.get((viewer_id, place), ()):
                CHANGE_VIEW[record.kind](view, record, True)
        return view

    def seen_by(self, viewer_id: int, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {"reactions": [r.seen_by(viewer_id) for r in self._reactions.get(place, ())]}
        if (viewer_id, place) in self._stars:
            found["starred"] = True
        return found

    def reactions_of_named(self, place: Place) -> dict[str, set[int]]:
        """Returns emoji -> those of the named users who chose it."""
        return {reacted.emoji: set(reacted.viewers) for reacted in self._reactions.get(place, ())}


class Edit(NamedTuple):
    """A text that an edit replaced, the time, the editor, and the version of the edit."""

    body: str | None
    replaced_ms: int
    editor_id: int
    version: int


_SEEN_BY_MEMBER = f"""
    JOIN members AS m ON m.conversation_id = x.conversation_id AND m.user_id = :user_id AND m.left_seq IS NULL
        AND m.visible_from < x.seq AND {not_hidden("x", ":user_id")}
"""
_LOCATE = UserStatement(f"""
    SELECT {columns("x")} FROM messages AS x {_SEEN_BY_MEMBER}
    WHERE x.id = CAST(:id AS uuid)
    ORDER BY x.conversation_id
""")
_LOCATE_IN = HotStatement(f"""
    SELECT {columns("x")} FROM messages AS x {_SEEN_BY_MEMBER}
    WHERE x.id = CAST(:id AS uuid) AND x.conversation_id = :conversation_id
""")
# Not the messages that were hidden when they were sent, because of a block: the user never saw them.
_LOCATE_HIDDEN = UserStatement("""
    SELECT h.conversation_id, h.seq FROM messages AS x
    JOIN hidden_messages AS h ON h.conversation_id = x.conversation_id AND h.seq = x.seq AND h.user_id = :user_id
        AND h.version <> x.created_version
    JOIN members AS m ON m.conversation_id = x.conversation_id AND m.user_id = :user_id AND m.left_seq IS NULL
        AND m.visible_from < x.seq
    WHERE x.id = CAST(:id AS uuid)
    ORDER BY h.conversation_id
""")
_PINS = HotStatement(f"""
    SELECT {columns("x")} FROM messages AS x {_SEEN_BY_MEMBER}
    WHERE x.conversation_id = :conversation_id AND x.pinned_at IS NOT NULL
    ORDER BY x.pinned_at DESC, x.seq DESC LIMIT {PINS_SHOWN}
""")
_REACTIONS = ListStatement(
    """
    SELECT r.conversation_id, r.seq, r.emoji, count(*),
           array_agg(r.user_id) FILTER (WHERE r.user_id = ANY(CAST(:viewers AS bigint[])))
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS wanted (c, s)
    JOIN reactions AS r ON r.conversation_id = c AND r.seq = s
    GROUP BY r.conversation_id, r.seq, r.emoji ORDER BY min(r.version), r.emoji
""",
    "conversations",
)


# Stars, and changes during a shadow suspension. Nearly nobody has the latter, so they get no statement of their own.
def _stars(lasting: str) -> str:
    return f"""
    SELECT s.user_id, s.conversation_id, s.seq, NULL, NULL, NULL, NULL, NULL
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS wanted (c, q)
    JOIN stars AS s ON s.conversation_id = c AND s.seq = q AND s.starred
    WHERE s.user_id = ANY(CAST(:viewers AS bigint[]))
    UNION ALL
    SELECT s.user_id, s.conversation_id, s.seq, {SHADOW_COLUMNS}
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS wanted (c, q)
    JOIN shadow_changes AS s ON s.conversation_id = c AND s.seq = q AND s.user_id = ANY(CAST(:viewers AS bigint[]))
    {lasting} ORDER BY 5
"""


_STARS = OneForm(_stars(LASTING))
_STARS_OF = HotStatement(routed(_stars(LASTING_FOR), "conversations"))
_STARRED = UserStatement(f"""
    SELECT s.version, {columns("x")} FROM stars AS s
    JOIN messages AS x ON x.conversation_id = s.conversation_id AND x.seq = s.seq {_SEEN_BY_MEMBER}
    WHERE s.user_id = :user_id AND s.starred AND s.version < :before
    ORDER BY s.version DESC LIMIT :limit
""")


def _stars_since(lasting: str) -> str:
    return f"""
    SELECT s.user_id, s.conversation_id, s.seq, {int(Kind.STARRED)}, s.version, 0, CAST(x.id AS text),
           concat('"on":', CAST(s.starred AS text)) FROM stars AS s
    JOIN members AS m ON m.conversation_id = s.conversation_id AND m.user_id = s.user_id AND m.left_seq IS NULL
    JOIN messages AS x ON x.conversation_id = s.conversation_id AND x.seq = s.seq
    WHERE s.user_id = :user_id AND s.version > :version AND s.version <= :upto AND of_part(s.conversation_id)
    UNION ALL
    SELECT s.user_id, s.conversation_id, s.seq, {SHADOW_COLUMNS} FROM shadow_changes AS s {lasting}
    WHERE s.user_id = :user_id AND s.version > :version AND s.version <= :upto AND of_part(s.conversation_id)
    ORDER BY 5
"""


_STARS_SINCE = PartStatement(
    _stars_since(LASTING),
    OneForm,
)
_STARS_SINCE_OF = PartStatement(routed(_stars_since("").replace("ORDER BY 5", f"{LASTING_FOR} ORDER BY 5"), "within"))
# A group that the user joined has a joined_seq, and one with which they began has no joined_version.
_ADMITTED_SINCE = ListStatement(
    """
    SELECT conversation_id, joined_version FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members ON conversation_id = wanted.id AND user_id = :user_id AND left_seq IS NULL AND joined_seq = 0
        AND joined_version > :version
    ORDER BY joined_version DESC LIMIT 1
""",
    "conversations",
)
_EDITS = HotStatement(f"""
    SELECT body, {ms_of("replaced_at")}, editor_id, version FROM message_edits
    WHERE conversation_id = :conversation_id AND seq = :seq AND version < :before ORDER BY version DESC LIMIT :limit
""")


def locate(conn: Connection, user_id: int, message_id: str, conversation_id: int | None = None) -> list[StoredMessage]:
    """Returns the messages with this id (a UUID) that the user sees, including deleted ones.

    Searches the conversations of which the user is a member now, or only ``conversation_id``.
    """
    if conversation_id is None:
        return structs(StoredMessage, _LOCATE.rows(conn, [user_id], user_id=user_id, id=message_id))
    place = {"user_id": user_id, "id": message_id, "conversation_id": conversation_id}
    return structs(StoredMessage, _LOCATE_IN.rows(conn, **place))


def locate_hidden(conn: Connection, user_id: int, message_id: str) -> list[tuple[int, int]]:
    """Returns (conversation, seq) of the messages with this id that the user has deleted only for themselves."""
    return [
        (conversation, seq)
        for conversation, seq in _LOCATE_HIDDEN.rows(conn, [user_id], user_id=user_id, id=message_id)
    ]


def pins_of(conn: Connection, conversation_id: int, user_id: int) -> list[StoredMessage]:
    """Returns up to ``PINS_SHOWN`` pinned messages that the user sees, the last pinned first."""
    return structs(StoredMessage, _PINS.rows(conn, conversation_id=conversation_id, user_id=user_id))


def reactions_for(conn: Connection, places: Collection[Place], viewer_ids: Iterable[int]) -> dict[Place, list[Reacted]]:
    """Returns (conversation, seq) -> emojis in the order of their first use. Messages without reactions are missing.

    One statement for many viewers. ``places`` must not repeat.
    """
    found: dict[Place, list[Reacted]] = {}
    rows = _REACTIONS.rows(
        conn,
        conversations=int_array(c for c, _ in places),
        seqs=int_array(s for _, s in places),
        viewers=int_array(viewer_ids),
    )
    for conversation, seq, emoji, count, viewers in rows:
        found.setdefault((conversation, seq), []).append(Reacted(emoji, count, viewers or []))
    return found


def details_for(
    conn: Connection,
    places: Collection[Place],
    viewer_ids: Collection[int],
    *,
    reacted: Collection[Place] | None = None,
    reactors: Collection[int] = (),
) -> Details:
    """Reads the details of messages for many viewers. ``places`` must not repeat.

    ``reacted`` are the places that can have reactions, if the caller knows them. ``reactors`` are users whose reactions
    the caller wants to know besides those of the viewers.
    """
    may_have = places if reacted is None else reacted
    reactions = reactions_for(conn, may_have, {*viewer_ids, *reactors}) if may_have else {}
    if not places:
        return Details(reactions, ())
    return Details(reactions, *_own_of(conn, places, viewer_ids))


def _own_of(conn: Connection, places: Collection[Place], viewer_ids: Iterable[int]) -> tuple[set[Seen], Shadows]:
    """Returns the stars, and the changes that only the viewer sees, the oldest first."""
    viewers = list(viewer_ids)
    values = {
        "conversations": int_array(c for c, _ in places),
        "seqs": int_array(s for _, s in places),
        "viewers": int_array(viewers),
    }
    if is_distributed(conn):
        rows = _STARS_OF.rows(conn, **values, shadowed=int_array(shadowed_among(conn, viewers)))
    else:
        rows = _STARS.rows(conn, **values)
    stars: set[Seen] = set()
    shadows: dict[Seen, list[Record]] = {}
    for viewer, conversation, seq, *change in rows:
        if change[0] is None:
            stars.add((viewer, (conversation, seq)))
        else:
            record = own_record(viewer, conversation, seq, *change)
            shadows.setdefault((viewer, (conversation, seq)), []).append(record)
    return stars, shadows


def starred_by(conn: Connection, user_id: int, before: int, limit: int) -> list[tuple[int, StoredMessage]]:
    """Returns the user's starred messages with the version of the star, which is below ``before``; the last first."""
    rows = _STARRED.rows(conn, [user_id], user_id=user_id, before=before, limit=limit)
    return [(version, StoredMessage(*row)) for version, *row in rows]


def own_changes_since(
    conn: Connection,
    user_id: int,
    version: int,
    conversations: Sequence[int] | None = None,
    upto: int = EVERYTHING,
    part: Part = WHOLE,
) -> list[Record]:
    """Returns the records of the user's private changes after ``version`` in this part of the conversations: of
    messages, drafts and their own view. If several direct conversations were admitted, only the last one is returned.
    ``conversations`` are the part's conversations that changed after ``version``, if the caller has them. ``upto``
    leaves out later changes of messages and drafts.
    """
    changed = changed_conversations(conn, user_id, version, part) if conversations is None else conversations
    values = {"user_id": user_id, "version": version}
    within: dict[str, Any] = {**values, "upto": upto, "part": part}
    hidden = [
        Record(Kind.HIDDEN, conversation, seq, at, 0, user_id, message_id, "", "", "")
        for conversation, seq, message_id, at in hidden_since(conn, **within)
    ]
    stars = [own_record(*row) for row in _stars_of_user(conn, within)]
    admitted = [
        Record(Kind.ADMITTED, conversation, 0, at, 0, user_id, "", "", "", "")
        for conversation, at in _ADMITTED_SINCE.rows(conn, **values, conversations=int_array(changed))
    ]
    return (
        hidden + stars + admitted + drafts_since(conn, **within) + cleared_since(conn, **values, conversations=changed)
    )


def _stars_of_user(conn: Connection, within: dict[str, Any]) -> list[tuple[Any, ...]]:
    if not is_distributed(conn):
        return _STARS_SINCE.rows(conn, **within)
    user = [within["user_id"]]
    shadowed = int_array(shadowed_among(conn, user))
    return _STARS_SINCE_OF.rows(conn, **within, within=conversations_of(conn, user), shadowed=shadowed)


def edits_of(conn: Connection, conversation_id: int, seq: int, *, before: int, limit: int) -> list[Edit]:
    """Returns the texts that edits replaced before the version ``before``, newest first."""
    place = {"conversation_id": conversation_id, "seq": seq}
    return structs(Edit, _EDITS.rows(conn, **place, before=before, limit=limit))
