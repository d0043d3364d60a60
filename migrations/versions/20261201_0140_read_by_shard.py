"""Unread conversations of users are kept for each shard, because each has versions and an epoch of its own.

No release has the table yet, so no old code relies on its primary key. It is small, because it has rows only for users
of many conversations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261201_0140"
down_revision = "20261201_0130"


def upgrade() -> None:
    op.add_column("read_conversations", sa.Column("shard", sa.SmallInteger, nullable=False, server_default="0"))
    op.drop_constraint("pk_read_conversations", "read_conversations")
    op.create_primary_key("pk_read_conversations", "read_conversations", ["user_id", "shard"])


def downgrade() -> None:
    op.execute("DELETE FROM read_conversations WHERE shard <> 0")
    op.drop_constraint("pk_read_conversations", "read_conversations")
    op.create_primary_key("pk_read_conversations", "read_conversations", ["user_id"])
    op.drop_column("read_conversations", "shard")
