"""Adds media, their staged bytes, and the messages that name them. Touches only new tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "20261125_0900"
down_revision = "20261124_1730"

MOMENT = sa.DateTime(timezone=True)
STATES = "('receiving', 'awaiting', 'processing', 'ready', 'failed', 'deleting')"


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("conversation_id", sa.BigInteger),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("storage", sa.Text, nullable=False),
        sa.Column("direct", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("kind", sa.Text, nullable=False, server_default="file"),
        sa.Column("content_type", sa.Text, nullable=False, server_default="application/octet-stream"),
        sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("filename", sa.Text),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("duration", sa.Float),
        sa.Column("blurhash", sa.Text),
        sa.Column("waveform", ARRAY(sa.SmallInteger)),
        sa.Column("thumbnail", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("code", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("attempted_at", MOMENT),
        sa.Column("lease_until", MOMENT),
        sa.Column("sweep_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
        sa.CheckConstraint(f"state IN {STATES}", name="ck_media_state"),
        sa.CheckConstraint("kind IN ('image', 'audio', 'video', 'file')", name="ck_media_kind"),
    )
    op.create_index("ix_media_conversation_id_version", "media", ["conversation_id", "version"])
    op.create_index("ix_media_sweep_at", "media", ["sweep_at"], postgresql_where=sa.text("sweep_at IS NOT NULL"))
    op.create_index(
        "ix_media_waiting",
        "media",
        ["user_id"],
        postgresql_where=sa.text("state IN ('receiving', 'awaiting', 'processing')"),
    )
    op.create_index(
        "ix_media_untold",
        "media",
        ["created_at"],
        postgresql_where=sa.text("version = 0 AND state IN ('ready', 'failed')"),
    )
    op.create_table(
        "media_chunks",
        sa.Column("media_id", sa.Uuid, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("media_id", "n", name="pk_media_chunks"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_media_chunks_media_id_media", ondelete="CASCADE"),
    )
    op.execute("ALTER TABLE media_chunks ALTER COLUMN data SET STORAGE EXTERNAL")  # Postgres cannot compress pictures
    op.create_table(
        "media_uses",
        sa.Column("media_id", sa.Uuid, nullable=False),
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("media_id", "conversation_id", "seq", name="pk_media_uses"),
    )
    op.create_index("ix_media_uses_conversation_id_seq", "media_uses", ["conversation_id", "seq"])
    op.create_index("ix_media_uses_untold", "media_uses", ["media_id"], postgresql_where=sa.text("NOT told"))


def downgrade() -> None:
    op.drop_table("media_uses")
    op.drop_table("media_chunks")
    op.drop_table("media")
