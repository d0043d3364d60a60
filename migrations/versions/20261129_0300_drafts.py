"""Adds the drafts of members: a new table, so nothing is rewritten or locked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "20261129_0300"
down_revision = "20261128_2340"


def upgrade() -> None:
    op.create_table(
        "drafts",
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("user_id", "conversation_id")),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("reply_to", sa.Uuid),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at", TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_user_id_version", "drafts", ["user_id", "version"])


def downgrade() -> None:
    op.drop_table("drafts")
