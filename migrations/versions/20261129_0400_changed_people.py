"""Notes when a user's name or avatar changed. A column without a default and an empty index: nothing is rewritten.

The index is built without blocking anything, which is no transaction; it is safe to run again after a failure.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from migrations.in_use import while_in_use

revision = "20261129_0400"
down_revision = "20261129_0345"

NAME = "ix_users_changed_at"


def upgrade() -> None:
    op.add_column("users", sa.Column("changed_at", TIMESTAMP(timezone=True, precision=3)), if_not_exists=True)
    with while_in_use():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")  # an earlier attempt may have left an invalid one
        op.execute(f"CREATE INDEX CONCURRENTLY {NAME} ON users (changed_at) WHERE changed_at IS NOT NULL")


def downgrade() -> None:
    op.drop_index(NAME, "users")
    op.drop_column("users", "changed_at")
