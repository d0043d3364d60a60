"""Full text search in a user's own conversations.

Each message is indexed under its words and, as one more lexeme, its conversation ("/" and the id). So a search in 500
conversations is one index scan that reads no other users' messages. A word in a message may look like such a lexeme;
therefore only the members' rows decide who may see a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.core.search import FOUND_BEGINS, FOUND_ENDS, SearchFilter
from app.store.messages import StoredMessage, columns, not_hidden
from app.store.sql import HotStatement, moment


class SearchCursor(NamedTuple):
    """The position of the last found message. Results are sorted from new to old."""

    sent_ms: int
    conversation_id: int
    seq: int


class Found(NamedTuple):
    """``marked`` is a piece of the text in which ``FOUND_BEGINS`` and ``FOUND_ENDS`` enclose the found words."""

    message: StoredMessage
    marked: str


_FAR = SearchCursor(4_102_444_800_000, 2**62, 2**62)  # the year 2100
_HEADLINE = f"StartSel={FOUND_BEGINS}, StopSel={FOUND_ENDS}, MaxWords=40, MinWords=20"

_INDEXED = """(to_tsvector('simple', coalesce(x.body, ''))
                   || array_to_tsvector(ARRAY['/' || CAST(x.conversation_id AS text)]))"""

# querytree returns T if a query only excludes words. No index helps with such a query.
_SEARCHABLE = HotStatement("SELECT querytree(websearch_to_tsquery('simple', :words)) NOT IN ('', 'T')")
_MINE = HotStatement("""
    SELECT conversation_id FROM members
    WHERE user_id = :user_id AND left_seq IS NULL AND (CAST(:only AS bigint) = 0 OR conversation_id = :only)
""")
# Two conditions on one index, instead of one that joins both by &&. The index then skips from one list of rows to the
# other and does not read the lists of all conversations (a rare word in 500 conversations: 18 ms instead of 150 ms).
# OFFSET 0 makes Postgres find the inner rows by the index on words, whatever it estimates about the members. Headlines
# are computed only for the rows of the page. A word with a slash is searched once more in the text itself, because it
# may look like a conversation.
_SEARCH = HotStatement(f"""
    WITH query AS MATERIALIZED (SELECT websearch_to_tsquery('simple', :words) AS words)
    SELECT {columns("page")},
           ts_headline('simple', translate(coalesce(page.body, ''), '{FOUND_BEGINS}{FOUND_ENDS}', ''),
                       query.words, '{_HEADLINE}')
    FROM (
        SELECT hit.* FROM (
            SELECT * FROM messages AS x
            WHERE {_INDEXED} @@ (SELECT words FROM query)
              AND {_INDEXED} @@ CAST(:conversations AS tsquery)
              AND x.deleted_at IS NULL AND x.kind <> 'system'
              AND (x.sent_at, x.conversation_id, x.seq) < (CAST(:at AS timestamptz), :conversation_id, :seq)
              AND (CAST(:sender_id AS bigint) IS NULL OR x.sender_id = :sender_id)
              AND (CAST(:before AS timestamptz) IS NULL OR x.sent_at < :before)
              AND (CAST(:after AS timestamptz) IS NULL OR x.sent_at > :after)
              AND (strpos(:words, '/') = 0
                   OR to_tsvector('simple', coalesce(x.body, '')) @@ (SELECT words FROM query))
            OFFSET 0
        ) AS hit
        JOIN members AS m ON m.conversation_id = hit.conversation_id AND m.user_id = :user_id
                         AND m.left_seq IS NULL AND hit.seq > m.visible_from
        WHERE {not_hidden("hit", ":user_id")}
        ORDER BY hit.sent_at DESC, hit.conversation_id DESC, hit.seq DESC LIMIT :limit
    ) AS page, query
    ORDER BY page.sent_at DESC, page.conversation_id DESC, page.seq DESC
""")


def is_searchable(conn: Connection, words: str) -> bool:
    """Returns whether the query contains a word that must occur."""
    return bool(_SEARCHABLE.rows(conn, words=words)[0][0])


def searched_conversations(conn: Connection, user_id: int, only: int | None = None) -> list[int]:
    """Returns the conversations of which the user is a member. With ``only``, returns at most that one."""
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
    """Returns messages that match ``words``, newest first, and whether there are more. ``words`` must be searchable."""
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
    """Returns a tsquery for any of the conversations.

    The tree is balanced, because Postgres walks it recursively and a chain of 20,000 would overflow its stack.
    """
    if len(conversations) == 1:
        return f"'/{conversations[0]:d}'"
    middle = len(conversations) // 2
    return f"({_any_of(conversations[:middle])} | {_any_of(conversations[middle:])})"
