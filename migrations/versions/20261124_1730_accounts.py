"""Adds account deletions, and indexes for the sweeps of exports. Touches only new or small tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261124_1730"
down_revision = "20261124_1710"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "account_deletions",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("erase", sa.Boolean, nullable=False),
        sa.Column("conversation_id", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("requested_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("user_id", name="pk_account_deletions"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_account_deletions_user_id_users", ondelete="CASCADE"
        ),
    )
    op.execute("CREATE INDEX ix_account_deletions_unfinished ON account_deletions (user_id) WHERE finished_at IS NULL")
    op.execute("CREATE INDEX ix_exports_pending ON exports (created_at) WHERE state = 'pending'")
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_exports_expires_at", "exports")
    op.drop_index("ix_exports_pending", "exports")
    op.drop_table("account_deletions")
