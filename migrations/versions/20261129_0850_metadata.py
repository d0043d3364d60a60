"""Adds the metadata of users and conversations.

The columns are nullable, so no row is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261129_0850"
down_revision = "20261129_0840"
TABLES = ("users", "conversations")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("metadata", JSONB), if_not_exists=True)


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "metadata")
