"""Adds the ids that a host's server gives to conversations, read-only groups, and erasure.

The new columns are nullable or have a constant default, so no row is rewritten. The indexes are built without blocking
writes, which is no transaction; the migration is safe to run again after a failure.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.in_use import while_in_use

revision = "20261129_0820"
down_revision = "20261129_0800"

INDEXES = {
    "ix_conversations_external_id": """
        UNIQUE INDEX CONCURRENTLY ix_conversations_external_id ON conversations (external_id)
        WHERE external_id IS NOT NULL
    """,
    "ix_conversations_erase_upto": """
        INDEX CONCURRENTLY ix_conversations_erase_upto ON conversations (id) WHERE erase_upto IS NOT NULL
    """,
}


def upgrade() -> None:
    op.add_column("conversations", sa.Column("external_id", sa.Text), if_not_exists=True)
    op.add_column(
        "conversations",
        sa.Column("read_only", sa.Boolean, nullable=False, server_default=sa.false()),
        if_not_exists=True,
    )
    op.add_column("conversations", sa.Column("erase_upto", sa.BigInteger), if_not_exists=True)
    op.alter_column("avatars", "user_id", nullable=True)
    with while_in_use():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # a failed build leaves an invalid one
            op.execute(f"CREATE {definition}")


def downgrade() -> None:
    op.drop_index("ix_conversations_erase_upto", "conversations")
    op.drop_index("ix_conversations_external_id", "conversations")
    op.execute("DELETE FROM avatars WHERE user_id IS NULL")
    op.alter_column("avatars", "user_id", nullable=False)
    op.drop_column("conversations", "erase_upto")
    op.drop_column("conversations", "read_only")
    op.drop_column("conversations", "external_id")
