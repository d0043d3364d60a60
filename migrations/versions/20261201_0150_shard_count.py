"""The number of shards of an installation, so that processes with another setting can refuse to start.

An installation with conversations has one shard. A new installation takes its number from the setting, at its first
start.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261201_0150"
down_revision = "20261201_0140"


def upgrade() -> None:
    op.create_table(
        "shard_count",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("shards", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shard_count"),
        sa.CheckConstraint("id = 1", name="ck_shard_count_one_row"),
        sa.CheckConstraint("shards > 0", name="ck_shard_count_positive"),
    )
    op.execute("INSERT INTO shard_count (id, shards) SELECT 1, 1 WHERE EXISTS (SELECT FROM conversations)")


def downgrade() -> None:
    op.drop_table("shard_count")
