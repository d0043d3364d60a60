"""Adds who may begin a direct conversation with a user.

The new column has a constant default, so no row is rewritten. A server of the previous release ignores it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_2340"
down_revision = "20261128_2300"


def upgrade() -> None:
    op.add_column("users", sa.Column("may_write", sa.Text, nullable=False, server_default="everyone"))


def downgrade() -> None:
    op.drop_column("users", "may_write")
