"""Adds stored avatars, and small indexes that find the addresses that are still outside ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.in_use import while_in_use

revision = "20261128_2030"
down_revision = "20261128_2010"

OUTSIDE = {"users": "ix_users_outside_avatar", "conversations": "ix_conversations_outside_avatar"}


def upgrade() -> None:
    op.create_table(
        "avatars",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("conversation_id", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("source", sa.Text),
        sa.Column("original", sa.LargeBinary),
        sa.Column("picture", sa.LargeBinary),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("sweep_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_avatars"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_avatars_user_id_users", ondelete="CASCADE"),
        if_not_exists=True,
    )
    op.create_index("ix_avatars_sweep_at", "avatars", ["sweep_at"], if_not_exists=True)
    op.create_index("ix_avatars_user_id", "avatars", ["user_id"], if_not_exists=True)
    with while_in_use():
        for table, name in OUTSIDE.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # an earlier attempt may have left an invalid one
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} (id) WHERE avatar_url ^@ 'https://'")


def downgrade() -> None:
    for table, name in OUTSIDE.items():
        op.drop_index(name, table)
    op.drop_table("avatars")
