"""Adds who may add a user to groups, and the requests that wait for the user's answer.

The new column has a constant default, so no row is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_1840"
down_revision = "20261128_1700"


def upgrade() -> None:
    op.add_column("users", sa.Column("may_add", sa.Text, nullable=False, server_default="everyone"))
    op.create_table(
        "requests",
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("user_id", "conversation_id", "from_id")),
        sa.Column("refused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name="pk_requests"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_requests_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_requests_conversation_id_conversations",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("requests")
    op.drop_column("users", "may_add")
