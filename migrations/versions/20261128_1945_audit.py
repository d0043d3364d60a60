"""Adds the audit: acts that matter for security. A new table, so nothing that exists is locked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_1945"
down_revision = "20261128_1910"

INDEXES = {
    "ix_audit_actor_id": (["actor_id", "id"], "actor_id IS NOT NULL", False),
    "ix_audit_target_id": (["target_id", "id"], "target_id IS NOT NULL", False),
    "ix_audit_action": (["action", "id"], None, False),
    "ix_audit_key": (["key"], "key IS NOT NULL", True),
    "ix_audit_counted": (["at"], "key IS NOT NULL", False),
}


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor_id", sa.BigInteger),
        sa.Column("target_id", sa.BigInteger),
        sa.Column("address", sa.Text),
        sa.Column("details", JSONB),
        sa.Column("count", sa.Integer, nullable=False, server_default="1"),
        sa.Column("last_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("key", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    for name, (columns, where, unique) in INDEXES.items():
        condition = None if where is None else sa.text(where)
        op.create_index(name, "audit", columns, unique=unique, postgresql_where=condition)


def downgrade() -> None:
    op.drop_table("audit")
