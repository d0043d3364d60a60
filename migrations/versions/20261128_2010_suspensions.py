"""Adds suspensions of users. The columns are nullable, so nothing is rewritten; the index is built concurrently."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.in_use import while_in_use

revision = "20261128_2010"
down_revision = "20261128_1945"

COLUMNS = {
    "suspended_at": sa.TIMESTAMP(timezone=True),
    "suspended_until": sa.TIMESTAMP(timezone=True),
    "suspended_reason": sa.Text(),
}
NAME = "ix_users_suspended_at"


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("users", sa.Column(name, kind, nullable=True), if_not_exists=True)
    with while_in_use():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")  # an earlier attempt may have left an invalid one
        op.execute(f"CREATE INDEX CONCURRENTLY {NAME} ON users (suspended_at) WHERE suspended_at IS NOT NULL")


def downgrade() -> None:
    op.drop_index(NAME, "users")
    for name in COLUMNS:
        op.drop_column("users", name)
