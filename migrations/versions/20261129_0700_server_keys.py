"""Adds server keys, the ids that a host gives to users, and the end of access tokens that live longer than usual.

The new columns are nullable, so no row is rewritten. The index is built without blocking writes, which is no
transaction; the migration is safe to run again after a failure.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.in_use import while_in_use

revision = "20261129_0700"
down_revision = "20261129_0540"


def upgrade() -> None:
    op.create_table(
        "server_keys",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_server_keys"),
        sa.UniqueConstraint("name", name="uq_server_keys_name"),
        sa.UniqueConstraint("hash", name="uq_server_keys_hash"),
        if_not_exists=True,
    )
    op.add_column("users", sa.Column("external_id", sa.Text), if_not_exists=True)
    op.add_column("auth_sessions", sa.Column("tokens_until", sa.TIMESTAMP(timezone=True)), if_not_exists=True)
    with while_in_use():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_users_external_id")  # a failed build leaves an invalid one
        op.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY ix_users_external_id ON users (external_id) WHERE external_id IS NOT NULL"
        )


def downgrade() -> None:
    op.drop_index("ix_users_external_id", "users")
    op.drop_column("auth_sessions", "tokens_until")
    op.drop_column("users", "external_id")
    op.drop_table("server_keys")
