"""Accounts that were deleted, and how far their data is removed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection

from app.core.accounts import RESERVED_PREFIX
from app.store import media_uses
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, first

DISPLAY_NAME = "Deleted user"
# Seqs of a conversation that one look for somebody's messages covers at most.
WINDOW = 20_000


class Deletion(Struct, frozen=True):
    """``erase``: the messages go too. They are gone up to ``seq`` of ``conversation_id``, conversations in the order of
    their ids.
    """

    user_id: int
    erase: bool
    conversation_id: int
    seq: int


class OwnMessages(Struct, frozen=True):
    """``messages`` are (seq, id); everything up to ``looked_to`` was looked at. ``ended``: there is no more."""

    messages: list[tuple[int, str]]
    looked_to: int
    ended: bool


# From here on nobody can sign in, and the name is free. A name made before such names were reserved may be in the way.
_BEGIN = HotStatement(f"""
    WITH gone AS (
        UPDATE users SET deleted_at = now(), display_name = '{DISPLAY_NAME}', avatar_url = NULL, password_hash = NULL,
               last_seen_at = NULL, is_admin = false,
               username = '{RESERVED_PREFIX}' || id || CASE
                   WHEN EXISTS (SELECT FROM users AS u WHERE u.username = '{RESERVED_PREFIX}' || users.id)
                   THEN '-' || substr(md5(random()::text), 1, 8) ELSE '' END
        WHERE id = :user_id AND deleted_at IS NULL RETURNING id
    )
    INSERT INTO account_deletions (user_id, erase) SELECT id, :erase FROM gone ON CONFLICT DO NOTHING RETURNING 1
""")
_GET = HotStatement("""
    SELECT user_id, erase, conversation_id, seq FROM account_deletions
    WHERE user_id = :user_id AND finished_at IS NULL
""")
_LEFT_OVER = HotStatement("""
    SELECT user_id FROM account_deletions
    WHERE finished_at IS NULL AND requested_at < now() - make_interval(secs => :seconds)
    ORDER BY user_id LIMIT :limit
""")
_MOVE = HotStatement("""
    UPDATE account_deletions SET conversation_id = :conversation_id, seq = :seq
    WHERE user_id = :user_id AND conversation_id = :was_conversation_id AND seq = :was_seq RETURNING 1
""")
_FINISH = HotStatement("""
    WITH unblocked AS (DELETE FROM blocks WHERE user_id = :user_id OR blocked_id = :user_id),
         unexported AS (DELETE FROM exports WHERE user_id = :user_id)
    UPDATE account_deletions SET finished_at = now() WHERE user_id = :user_id AND finished_at IS NULL RETURNING 1
""")
# With those they left: what they wrote there is theirs as well. Notes are a direct conversation with oneself.
_CONVERSATIONS = HotStatement("""
    SELECT m.conversation_id, m.left_seq IS NULL, coalesce(c.direct_low = c.direct_high, false), c.kind = 'group',
           nullif(c.direct_low + c.direct_high - m.user_id, m.user_id)
    FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
    WHERE m.user_id = :user_id AND m.conversation_id >= :first ORDER BY m.conversation_id
""")
_OWN = HotStatement("""
    SELECT seq, CAST(id AS text) FROM messages
    WHERE conversation_id = :conversation_id AND seq > :after AND seq <= :upto AND sender_id = :user_id
      AND deleted_at IS NULL AND kind <> 'system'
    ORDER BY seq LIMIT :limit
""")
_LAST_SEQ = HotStatement("SELECT last_seq FROM conversations WHERE id = :conversation_id")
# In a conversation that the author left the log takes no more of theirs.
_ERASE = HotStatement("""
    WITH which AS (SELECT unnest(CAST(:seqs AS bigint[])) AS seq),
    edits AS (DELETE FROM message_edits WHERE conversation_id = :conversation_id AND seq IN (SELECT seq FROM which)),
    reacted AS (DELETE FROM reactions WHERE conversation_id = :conversation_id AND seq IN (SELECT seq FROM which))
    UPDATE messages SET deleted_at = now(), body = NULL, attachments = NULL, extra = NULL, mentions = NULL,
                        mentions_all = false, pinned_at = NULL, pinned_by = NULL
    WHERE conversation_id = :conversation_id AND seq IN (SELECT seq FROM which) AND deleted_at IS NULL RETURNING 1
""")
_HEIR = HotStatement("""
    SELECT user_id FROM members
    WHERE conversation_id = :conversation_id AND left_seq IS NULL AND user_id <> :user_id
    ORDER BY array_position(ARRAY['owner', 'admin', 'member'], role), joined_at, user_id LIMIT 1
""")


class OwnConversation(Struct, frozen=True):
    """``other_id``: of a direct one with somebody else."""

    id: int
    is_member: bool
    is_notes: bool
    is_group: bool
    other_id: int | None


def begin_deletion(conn: Connection, user_id: int, *, erase: bool) -> bool:
    """Make a user nobody. False where the account was deleted before."""
    return bool(_BEGIN.rows(conn, user_id=user_id, erase=erase))


def get_deletion(conn: Connection, user_id: int) -> Deletion | None:
    """None where there is none, or nothing left to do."""
    return first(Deletion, next(iter(_GET.rows(conn, user_id=user_id)), None))


def unfinished(conn: Connection, *, older_than_seconds: int, limit: int = 100) -> list[int]:
    """Users whose data is not removed yet, though it was asked for so long ago."""
    return [user for (user,) in _LEFT_OVER.rows(conn, seconds=older_than_seconds, limit=limit)]


def conversations_from(conn: Connection, user_id: int, first: int) -> list[OwnConversation]:
    """Those the user is or was in, by id, from this one on."""
    return [OwnConversation(*row) for row in _CONVERSATIONS.rows(conn, user_id=user_id, first=first)]


def own_messages(conn: Connection, user_id: int, conversation_id: int, after: int, limit: int) -> OwnMessages:
    """Messages of the user that still have a text, ascending; of at most ``WINDOW`` seqs and ``limit`` messages."""
    upto = after + WINDOW
    values = {"user_id": user_id, "conversation_id": conversation_id, "after": after, "upto": upto}
    rows = [(seq, id_) for seq, id_ in _OWN.rows(conn, **values, limit=limit)]
    if len(rows) == limit:
        return OwnMessages(rows, rows[-1][0], ended=False)
    last = _LAST_SEQ.rows(conn, conversation_id=conversation_id)
    return OwnMessages(rows, upto, ended=not last or last[0][0] <= upto)


def erase(conn: Connection, conversation_id: int, seqs: Sequence[int]) -> None:
    """In a transaction. Safe to repeat."""
    _ERASE.rows(conn, conversation_id=conversation_id, seqs=int_array(seqs))
    media_uses.release(conn, conversation_id, seqs)


def heir_of(conn: Connection, user_id: int, conversation_id: int) -> int | None:
    """Who becomes owner of a group when its last owner goes: the highest in rank, then the longest in it."""
    return next((user for (user,) in _HEIR.rows(conn, user_id=user_id, conversation_id=conversation_id)), None)


def note_progress(conn: Connection, was: Deletion, conversation_id: int, seq: int) -> bool:
    """False where it was not where the caller thought: somebody else is at it."""
    values = {"was_conversation_id": was.conversation_id, "was_seq": was.seq}
    return bool(_MOVE.rows(conn, user_id=was.user_id, conversation_id=conversation_id, seq=seq, **values))


def finish_deletion(conn: Connection, user_id: int) -> None:
    """Blocks and exports go with the account. Safe to repeat."""
    _FINISH.rows(conn, user_id=user_id)
