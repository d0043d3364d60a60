"""Adds groups, changes to messages (edits, reactions, mentions), invites, blocks, reports and exports.

Reads and rewrites no table that is in use. New columns have constant defaults. Constraints are not validated here, and
large tables get no index; the next migration does both.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

revision = "20261124_1700"
down_revision = "20261122_1500"

MOMENT = sa.DateTime(timezone=True)
MILLISECONDS = TIMESTAMP(timezone=True, precision=3)
VACUUM_AFTER_INSERTS = {
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.02,
}


def zero(name: str, kind: type[sa.types.TypeEngine[int]] = sa.BigInteger) -> sa.Column[int]:
    return sa.Column(name, kind, nullable=False, server_default="0")


def false(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def moment(name: str) -> sa.Column[object]:
    return sa.Column(name, MOMENT, nullable=False, server_default=sa.func.now())


NEW_COLUMNS: dict[str, Callable[[], list[sa.Column[object]]]] = {
    "users": lambda: [
        false("is_admin"),
        sa.Column("last_seen_visible", sa.Text, nullable=False, server_default="everyone"),
        sa.Column("deleted_at", MOMENT),
    ],
    "conversations": lambda: [
        sa.Column("description", sa.Text),
        sa.Column("avatar_url", sa.Text),
        sa.Column("history", sa.Text, nullable=False, server_default="all"),
        zero("member_count", sa.Integer),
        zero("info_version"),
        sa.Column("created_by", sa.BigInteger),
    ],
    "members": lambda: [
        zero("visible_from"),
        zero("joined_version"),
        sa.Column("left_seq", sa.BigInteger),
        sa.Column("left_version", sa.BigInteger),
        false("archived"),
        sa.Column("pinned_at", MOMENT),
        zero("settings_version"),
    ],
    "messages": lambda: [
        zero("created_version"),
        sa.Column("mentions", ARRAY(sa.BigInteger)),
        false("mentions_all"),
        sa.Column("extra", JSONB),
        sa.Column("pinned_at", MILLISECONDS),
        sa.Column("pinned_by", sa.BigInteger),
    ],
}
CHECKS = {
    "conversations": ("ck_conversations_history", "history IN ('all', 'joined')"),
    "users": ("ck_users_last_seen_visible", "last_seen_visible IN ('everyone', 'contacts', 'nobody')"),
}


def upgrade() -> None:
    for table, columns in NEW_COLUMNS.items():
        for column in columns():
            op.add_column(table, column)
    for table, (name, condition) in CHECKS.items():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    for create in TABLES:
        create()


def downgrade() -> None:
    for create in reversed(TABLES):
        op.drop_table(create.__name__)
    for table, (name, _) in CHECKS.items():
        op.drop_constraint(name, table)
    for table, columns in reversed(NEW_COLUMNS.items()):
        for column in columns():
            op.drop_column(table, column.name)


# Tables with a row or more per message have no foreign keys, for the reasons in app/store/models/messages.py.
def message_edits() -> None:
    op.create_table(
        "message_edits",
        number("conversation_id"),
        number("seq"),
        number("version"),
        sa.Column("body", sa.Text),
        number("editor_id"),
        sa.Column("replaced_at", MILLISECONDS, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", "version", name="pk_message_edits"),
    )


def reactions() -> None:
    op.create_table(
        "reactions",
        number("conversation_id"),
        number("seq"),
        number("user_id"),
        sa.Column("emoji", sa.Text, nullable=False),
        number("version"),
        moment("created_at"),
        sa.PrimaryKeyConstraint("conversation_id", "seq", "user_id", "emoji", name="pk_reactions"),
    )


def hidden_messages() -> None:
    op.create_table(
        "hidden_messages",
        number("user_id"),
        number("conversation_id"),
        number("seq"),
        number("version"),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", "seq", name="pk_hidden_messages"),
        postgresql_with=VACUUM_AFTER_INSERTS,
    )
    op.create_index("ix_hidden_messages_user_id_version", "hidden_messages", ["user_id", "version"])


def mentions() -> None:
    op.create_table(
        "mentions",
        number("user_id"),
        number("conversation_id"),
        number("seq"),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", "seq", name="pk_mentions"),
        postgresql_with=VACUUM_AFTER_INSERTS,
    )


def invites() -> None:
    op.create_table(
        "invites",
        sa.Column("code", sa.Text, nullable=False),
        number("conversation_id"),
        number("created_by"),
        moment("created_at"),
        sa.Column("expires_at", MOMENT),
        sa.Column("max_uses", sa.Integer),
        zero("uses", sa.Integer),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("code", name="pk_invites"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_invites_conversation_id_conversations",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_invites_conversation_id", "invites", ["conversation_id"])


def blocks() -> None:
    op.create_table(
        "blocks",
        number("user_id"),
        number("blocked_id"),
        moment("created_at"),
        sa.PrimaryKeyConstraint("user_id", "blocked_id", name="pk_blocks"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_blocks_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["blocked_id"], ["users.id"], name="fk_blocks_blocked_id_users", ondelete="CASCADE"),
    )
    op.create_index("ix_blocks_blocked_id", "blocks", ["blocked_id"])


def reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        number("reporter_id"),
        number("conversation_id"),
        number("seq"),
        sa.Column("message_id", sa.Uuid, nullable=False),
        number("reported_id"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("body", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        moment("created_at"),
        sa.Column("handled_by", sa.BigInteger),
        sa.Column("handled_at", MOMENT),
        sa.Column("resolution", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.UniqueConstraint(
            "reporter_id", "message_id", "conversation_id", name="uq_reports_reporter_id_message_id_conversation_id"
        ),
        sa.CheckConstraint("state IN ('open', 'reviewing', 'resolved', 'dismissed')", name="ck_reports_state"),
    )
    op.create_index("ix_reports_state_id", "reports", ["state", "id"])


def exports() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid, nullable=False),
        number("user_id"),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        moment("created_at"),
        sa.Column("finished_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_exports_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('pending', 'ready', 'failed')", name="ck_exports_state"),
    )
    op.create_index("ix_exports_user_id", "exports", ["user_id"])


def export_chunks() -> None:
    op.create_table(
        "export_chunks",
        sa.Column("export_id", sa.Uuid, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("export_id", "n", name="pk_export_chunks"),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name="fk_export_chunks_export_id_exports", ondelete="CASCADE"
        ),
    )


TABLES: tuple[Callable[[], None], ...] = (
    message_edits, reactions, hidden_messages, mentions, invites, blocks, reports, exports, export_chunks,
)  # fmt: skip
