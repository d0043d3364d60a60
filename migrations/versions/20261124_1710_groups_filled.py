"""Fills old rows of large tables for groups, builds indexes and validates constraints, while the tables are in use.

This is not one transaction, so each part is safe to run again after a failure: rows are filled in small transactions,
and a half-built index is dropped first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.in_use import while_in_use

revision = "20261124_1710"
down_revision = "20261124_1700"

ROWS_AT_ONCE = 10_000
# The conversation is one of the words, so that a search in some conversations does not read the others.
SEARCH = (
    "(to_tsvector('simple'::regconfig, coalesce(body, ''))"
    " || array_to_tsvector(ARRAY['/' || CAST(conversation_id AS text)]))"
)
INDEXES = {
    # Returns a user's conversations by an index-only scan, without those that they left.
    "ix_members_active": "members (user_id, conversation_id) WHERE left_seq IS NULL",
    "ix_messages_mentions_all": "messages (conversation_id, seq) WHERE mentions_all",
    # Deleted messages are not unread. A separate count of them lets the count of unread messages read only the primary
    # key.
    "ix_messages_deleted": "messages (conversation_id, seq) INCLUDE (sender_id) WHERE deleted_at IS NOT NULL",
    "ix_messages_pinned": "messages (conversation_id, pinned_at) WHERE pinned_at IS NOT NULL",
    "ix_messages_search": f"messages USING gin ({SEARCH}) WHERE deleted_at IS NULL AND kind <> 'system'",
}
CHECKS = {"conversations": "ck_conversations_history", "users": "ck_users_last_seen_visible"}

# One page of rows in primary-key order, after the last row of the previous page.
FILL_MESSAGES = sa.text("""
    WITH page AS (
        SELECT conversation_id, seq FROM messages WHERE (conversation_id, seq) > (:c, :s)
        ORDER BY conversation_id, seq LIMIT :rows
    ), filled AS (
        UPDATE messages AS m SET created_version = m.version FROM page
        WHERE m.conversation_id = page.conversation_id AND m.seq = page.seq AND m.created_version = 0
    )
    SELECT conversation_id, seq FROM page ORDER BY conversation_id DESC, seq DESC LIMIT 1
""")
FILL_CONVERSATIONS = sa.text("""
    WITH page AS (
        SELECT id FROM conversations WHERE id > :c ORDER BY id LIMIT :rows
    ), filled AS (
        UPDATE conversations AS c SET member_count = counted.n
        FROM (SELECT id, (SELECT count(*) FROM members AS m WHERE m.conversation_id = id AND m.left_seq IS NULL) AS n
              FROM page) AS counted
        WHERE c.id = counted.id AND c.member_count <> counted.n
    )
    SELECT max(id) FROM page
""")


def upgrade() -> None:
    with while_in_use():
        fill_messages()
        fill_conversations()
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        for table, check in CHECKS.items():
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")


def downgrade() -> None:
    with while_in_use():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def fill_messages() -> None:
    """Copies ``version`` to ``created_version``: until now, a row got its version once, at the insert."""
    last = (0, 0)
    while last is not None:
        row = op.get_bind().execute(FILL_MESSAGES, {"c": last[0], "s": last[1], "rows": ROWS_AT_ONCE}).first()
        last = None if row is None else (row[0], row[1])


def fill_conversations() -> None:
    last: int | None = 0
    while last is not None:
        last = op.get_bind().execute(FILL_CONVERSATIONS, {"c": last, "rows": ROWS_AT_ONCE}).scalar()
