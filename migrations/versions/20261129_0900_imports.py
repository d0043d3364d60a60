"""Adds imports: the body of a request in pieces, and its plan until that is written.

``backfill_floor`` bounds the part of the search index that is filled after an import. It has a constant default, so no
row is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261129_0900"
down_revision = "20261129_0860"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="receiving"),
        sa.Column("server_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("pieces", sa.Integer, nullable=False, server_default="0"),
        sa.Column("total", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("progress", postgresql.JSONB, nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.CheckConstraint(
            "state IN ('receiving', 'pending', 'checking', 'running', 'done', 'failed')", name="ck_imports_state"
        ),
    )
    op.create_index(
        "ix_imports_unfinished", "imports", ["worked_at"], postgresql_where=sa.text("state NOT IN ('done', 'failed')")
    )
    op.create_index("ix_imports_created_at", "imports", ["created_at"])
    op.create_table(
        "import_pieces",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("first_line", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "n", name="pk_import_pieces"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], ondelete="CASCADE", name="fk_import_pieces_import_id_imports"
        ),
    )
    op.create_table(
        "import_users",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("username", sa.Text),
        sa.Column("fields", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "external_id", name="pk_import_users"),
    )
    op.create_index("ix_import_users_username", "import_users", ["import_id", "username"])
    op.create_index("ix_import_users_user_id", "import_users", ["import_id", "user_id"])
    op.create_table(
        "import_conversations",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("direct_low", sa.BigInteger),
        sa.Column("direct_high", sa.BigInteger),
        sa.Column("is_new", sa.Boolean, nullable=False),
        sa.Column("written", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("fields", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "conversation_id", name="pk_import_conversations"),
    )
    for name, columns in (("external_id", ["external_id"]), ("direct_pair", ["direct_low", "direct_high"])):
        op.create_index(f"ix_import_conversations_{name}", "import_conversations", ["import_id", *columns])
    op.create_table(
        "import_messages",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger, nullable=False),
        sa.Column("sender_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("reply_to", sa.Uuid),
        sa.Column("extra", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "conversation_id", "id", name="pk_import_messages"),
    )
    op.create_index(
        "ix_import_messages_order", "import_messages", ["import_id", "live", "conversation_id", "sent_ms", "line"]
    )
    op.add_column(
        "search_state",
        sa.Column("backfill_floor", sa.BigInteger, nullable=False, server_default="0"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_column("search_state", "backfill_floor")
    for table in ("import_messages", "import_conversations", "import_users", "import_pieces", "imports"):
        op.drop_table(table)
