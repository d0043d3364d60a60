"""Adds the status of users, and "do not disturb". The new columns are null, so no row is rewritten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "20261129_0430"
down_revision = "20261129_0420"

TIME = TIMESTAMP(timezone=True, precision=3)


def upgrade() -> None:
    op.add_column("users", sa.Column("status_text", sa.Text))
    op.add_column("users", sa.Column("status_emoji", sa.Text))
    op.add_column("users", sa.Column("status_until", TIME))
    op.add_column("users", sa.Column("do_not_disturb_until", TIME))


def downgrade() -> None:
    for name in ("do_not_disturb_until", "status_until", "status_emoji", "status_text"):
        op.drop_column("users", name)
