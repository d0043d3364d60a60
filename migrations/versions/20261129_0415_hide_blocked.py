"""Adds the setting that hides messages of blocked people. A column with a constant default: nothing is rewritten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_0415"
down_revision = "20261129_0410"


def upgrade() -> None:
    op.add_column("users", sa.Column("hide_blocked", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("users", "hide_blocked")
