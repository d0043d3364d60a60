"""Adds the stars of messages: a new table, so nothing is rewritten or locked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_1700"
down_revision = "20261128_1000"


def upgrade() -> None:
    op.create_table(
        "stars",
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("conversation_id", "seq", "user_id")),
        sa.Column("starred", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", "user_id", name="pk_stars"),
    )
    op.create_index("ix_stars_user_id_version", "stars", ["user_id", "version"])


def downgrade() -> None:
    op.drop_table("stars")
