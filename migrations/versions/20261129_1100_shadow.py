"""Adds shadow suspensions: the users' flag, the messages that only their sender sees, and the sender's own read mark.

The columns are nullable or have a constant default, so no row is rewritten. The index is built concurrently,
which is no transaction; it is safe to run again after a failure.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.in_use import while_in_use

revision = "20261129_1100"
down_revision = "20261129_1040"

INDEX = "ix_messages_shadow"


def upgrade() -> None:
    flag = {"nullable": False, "server_default": sa.false()}
    op.add_column("users", sa.Column("suspended_shadow", sa.Boolean, **flag), if_not_exists=True)
    op.add_column("messages", sa.Column("shadow", sa.Boolean, **flag), if_not_exists=True)
    op.add_column("members", sa.Column("own_read_seq", sa.BigInteger), if_not_exists=True)
    op.create_table(
        "shadow_changes",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "version", name="pk_shadow_changes"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_shadow_changes_place", "shadow_changes", ["conversation_id", "seq", "user_id"], if_not_exists=True
    )
    with while_in_use():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")  # an earlier attempt may have left an invalid one
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON messages (conversation_id, seq) INCLUDE (sender_id) WHERE shadow"
        )


def downgrade() -> None:
    op.drop_index(INDEX, "messages")
    op.drop_table("shadow_changes")
    op.drop_column("members", "own_read_seq")
    op.drop_column("messages", "shadow")
    op.drop_column("users", "suspended_shadow")
