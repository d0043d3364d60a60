"""Adds the index for the sum of a user's stored bytes. It is built concurrently, so uploads go on."""

from __future__ import annotations

from alembic import op

from migrations.in_use import while_in_use

revision = "20261128_1900"
down_revision = "20261128_1840"

NAME = "ix_media_usage"


def upgrade() -> None:
    with while_in_use():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")  # an earlier attempt may have left an invalid one
        op.execute(f"CREATE INDEX CONCURRENTLY {NAME} ON media (user_id) INCLUDE (state, bytes)")


def downgrade() -> None:
    op.drop_index(NAME, "media")
