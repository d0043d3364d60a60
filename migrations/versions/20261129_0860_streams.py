"""Adds the table of open streams. It is empty and small, so nothing waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "20261129_0860"
down_revision = "20261129_0850"


def upgrade() -> None:
    op.create_table(
        "streams",
        sa.Column("conversation_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("touched_at", TIMESTAMP(timezone=True, precision=3), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_streams"),
    )


def downgrade() -> None:
    op.drop_table("streams")
