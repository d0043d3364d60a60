"""Adds the read mark of a member whom an edit names: a column without a default, so no table is rewritten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_0420"
down_revision = "20261129_0415"


def upgrade() -> None:
    op.add_column("mentions", sa.Column("named_read_seq", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("mentions", "named_read_seq")
