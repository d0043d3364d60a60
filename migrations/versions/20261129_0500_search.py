"""Adds the search index as tables of its own, which the worker fills, and drops the one in the table of messages.

Nothing is rewritten. Both indexes of ``messages`` are changed without blocking anything, which is no transaction; it is
safe to run again after a failure.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.in_use import while_in_use

revision = "20261129_0500"
down_revision = "20261129_0430"

OLD_INDEX = """
    CREATE INDEX CONCURRENTLY ix_messages_search ON messages USING gin (
        (to_tsvector('simple'::regconfig, coalesce(body, ''))
         || array_to_tsvector(ARRAY['/' || CAST(conversation_id AS text)]))
    ) WHERE deleted_at IS NULL AND kind <> 'system'
"""


def upgrade() -> None:
    op.execute("DROP TABLE IF EXISTS message_terms, search_buckets, search_state")
    op.create_table(
        "message_terms",
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("terms", sa.dialects.postgresql.TSVECTOR, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_message_terms"),
        postgresql_with={"autovacuum_vacuum_insert_scale_factor": 0.05, "autovacuum_analyze_scale_factor": 0.02},
    )
    op.create_index(
        "ix_message_terms_terms",
        "message_terms",
        ["terms"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "on", "gin_pending_list_limit": "256"},
    )
    op.create_table(
        "search_buckets",
        sa.Column("bucket", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("first_version", "first_ms", "last_ms")),
        sa.PrimaryKeyConstraint("bucket", name="pk_search_buckets"),
    )
    op.create_table(
        "search_state",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("indexed_version", sa.BigInteger, nullable=False),
        sa.Column("backfill_version", sa.BigInteger),
        sa.Column("analyser", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_state"),
        sa.CheckConstraint("id = 1", name="ck_search_state_one_row"),
    )
    # The analyser 0 does not exist, so the worker begins with the messages that are there.
    op.execute("INSERT INTO search_state SELECT 1, coalesce(max(version), 0), NULL, 0 FROM conversations")
    with while_in_use():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_messages_version")
        op.execute("CREATE INDEX CONCURRENTLY ix_messages_version ON messages (version)")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_messages_search")


def downgrade() -> None:
    with while_in_use():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_messages_search")
        op.execute(OLD_INDEX)
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_messages_version")
    op.execute("DROP TABLE IF EXISTS message_terms, search_buckets, search_state")
