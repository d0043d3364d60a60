"""Full text search over a user's own conversations.

Each message is indexed under its words and, as one lexeme more, its conversation ("/" and the id). So a search over 500
conversations is one look into the index, whatever others wrote, and nobody's messages are read but the user's own. A
word of somebody's message may look like such a lexeme: who may see what is decided by the members' rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.core.search import FOUND_BEGINS, FOUND_ENDS, SearchFilter
from app.store.messages import StoredMessage, columns, not_hidden
from app.store.sql import HotStatement, moment


class SearchCursor(NamedTuple):
    """The last message that was found: everything older comes after it."""

    sent_ms: int
    conversation_id: int
    seq: int


class Found(NamedTuple):
    """``marked`` is a piece of the text in which ``FOUND_BEGINS`` and ``FOUND_ENDS`` enclose what was found."""

    message: StoredMessage
    marked: str


_FAR = SearchCursor(4_102_444_800_000, 2**62, 2**62)  # the year 2100
_HEADLINE = f"StartSel={FOUND_BEGINS}, StopSel={FOUND_ENDS}, MaxWords=40, MinWords=20"

_INDEXED = """(to_tsvector('simple', coalesce(x.body, ''))
                   || array_to_tsvector(ARRAY['/' || CAST(x.conversation_id AS text)]))"""

# querytree says T where a query asks for the absence of words alone: no index helps there.
_SEARCHABLE = HotStatement("SELECT querytree(websearch_to_tsquery('simple', :words)) NOT IN ('', 'T')")
_MINE = HotStatement("""
    SELECT conversation_id FROM members
    WHERE user_id = :user_id AND left_seq IS NULL AND (CAST(:only AS bigint) = 0 OR conversation_id = :only)
""")
# Two conditions on one index, not one of both joined by &&: the index then leaps from one list of rows to the other,
# instead of reading the lists of all conversations (18 ms against 150 for a rare word in 500 conversations).
# OFFSET 0: what is inside is found by the index on words, whatever the planner thinks of the members. The headline is
# made of the rows of the page alone. A word with a slash is looked for once more in the text itself, since it may look
# like a conversation.
_SEARCH = HotStatement(f"""
    WITH asked AS MATERIALIZED (SELECT websearch_to_tsquery('simple', :words) AS words)
    SELECT {columns("page")},
           ts_headline('simple', translate(coalesce(page.body, ''), '{FOUND_BEGINS}{FOUND_ENDS}', ''),
                       asked.words, '{_HEADLINE}')
    FROM (
        SELECT hit.* FROM (
            SELECT * FROM messages AS x
            WHERE {_INDEXED} @@ (SELECT words FROM asked)
              AND {_INDEXED} @@ CAST(:conversations AS tsquery)
              AND x.deleted_at IS NULL AND x.kind <> 'system'
              AND (x.sent_at, x.conversation_id, x.seq) < (CAST(:at AS timestamptz), :conversation_id, :seq)
              AND (CAST(:sender_id AS bigint) IS NULL OR x.sender_id = :sender_id)
              AND (CAST(:before AS timestamptz) IS NULL OR x.sent_at < :before)
              AND (CAST(:after AS timestamptz) IS NULL OR x.sent_at > :after)
              AND (strpos(:words, '/') = 0
                   OR to_tsvector('simple', coalesce(x.body, '')) @@ (SELECT words FROM asked))
            OFFSET 0
        ) AS hit
        JOIN members AS m ON m.conversation_id = hit.conversation_id AND m.user_id = :user_id
                         AND m.left_seq IS NULL AND hit.seq > m.visible_from
        WHERE {not_hidden("hit", ":user_id")}
        ORDER BY hit.sent_at DESC, hit.conversation_id DESC, hit.seq DESC LIMIT :limit
    ) AS page, asked
    ORDER BY page.sent_at DESC, page.conversation_id DESC, page.seq DESC
""")


def is_searchable(conn: Connection, words: str) -> bool:
    """Whether there is a word in it that must be found."""
    return bool(_SEARCHABLE.rows(conn, words=words)[0][0])


def searched_conversations(conn: Connection, user_id: int, only: int | None = None) -> list[int]:
    """Those that the user is a member of; of these only one, or none, where ``only`` names it."""
    return [row[0] for row in _MINE.rows(conn, user_id=user_id, only=only or 0)]


def search(
    conn: Connection,
    user_id: int,
    words: str,
    conversations: Sequence[int],
    which: SearchFilter,
    *,
    before: SearchCursor | None,
    limit: int,
) -> tuple[list[Found], bool]:
    """Messages that hold the words, newest first, and whether there are more. ``words`` is searchable."""
    cursor = before or _FAR
    rows = _SEARCH.rows(
        conn,
        user_id=user_id,
        words=words,
        conversations=_any_of(conversations),
        at=moment(cursor.sent_ms),
        conversation_id=cursor.conversation_id,
        seq=cursor.seq,
        sender_id=which.sender_id,
        before=which.before,
        after=which.after,
        limit=limit + 1,
    )
    return [Found(StoredMessage(*row[:-1]), row[-1]) for row in rows[:limit]], len(rows) > limit


def _any_of(conversations: Sequence[int]) -> str:
    """A tsquery. Balanced: Postgres walks it recursively, and 20,000 in a row are more than its stack holds."""
    if len(conversations) == 1:
        return f"'/{conversations[0]:d}'"
    middle = len(conversations) // 2
    return f"({_any_of(conversations[:middle])} | {_any_of(conversations[middle:])})"
