"""Adds e-mail addresses of accounts, and the tokens of links that are sent to them.

The new column is nullable, so no row is rewritten. The index is built without stopping writes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.in_use import while_in_use

revision = "20261128_2045"
down_revision = "20261128_2030"

HAS_EMAIL = sa.text("email IS NOT NULL")


def upgrade() -> None:
    op.add_column("users", sa.Column("email", sa.Text), if_not_exists=True)
    op.create_table(
        "account_tokens",
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_account_tokens"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_account_tokens_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("purpose IN ('verify-email', 'reset-password')", name="ck_account_tokens_purpose"),
        if_not_exists=True,
    )
    op.create_index("ix_account_tokens_user_id", "account_tokens", ["user_id"], if_not_exists=True)
    op.create_index("ix_account_tokens_expires_at", "account_tokens", ["expires_at"], if_not_exists=True)
    with while_in_use():
        op.execute(
            "DROP INDEX CONCURRENTLY IF EXISTS ix_users_email"
        )  # an earlier attempt may have left an invalid one
        op.create_index(
            "ix_users_email",
            "users",
            [sa.text("lower(email)")],
            postgresql_where=HAS_EMAIL,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("ix_users_email", "users")
    op.drop_table("account_tokens")
    op.drop_column("users", "email")
