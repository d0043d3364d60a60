"""Adds the words of display names, by which people are found. A worker fills in those of users from before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_0540"
down_revision = "20261129_0510"


def upgrade() -> None:
    op.create_table(
        "user_name_terms",
        sa.Column("term", sa.Text(collation="C"), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("term", "user_id", name="pk_user_name_terms"),
    )
    op.create_index("ix_user_name_terms_user_id", "user_name_terms", ["user_id"])
    op.add_column("search_state", sa.Column("named_user_id", sa.BigInteger, server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("search_state", "named_user_id")
    op.drop_table("user_name_terms")
