"""Creates the first tables: users, auth sessions, conversations, members, messages, and the state of the log."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "20261122_1500"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
MILLISECONDS = TIMESTAMP(timezone=True, precision=3)
# Rows that change often are rewritten in their page (HOT).
ROOM_FOR_UPDATES = {"fillfactor": 70}
# For insert-only tables. Without an early vacuum, the visibility map stays empty and index-only scans visit the table.
VACUUM_AFTER_INSERTS = {
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.02,
}


def upgrade() -> None:
    for create in (users, auth_sessions, conversations, members, messages, log_state, dead_letters):
        create()


def downgrade() -> None:
    tables: tuple[Callable[[], None], ...] = (
        dead_letters, log_state, messages, members, conversations, auth_sessions, users,
    )  # fmt: skip
    for create in tables:
        op.drop_table(create.__name__)


def identity() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False)


def moment(name: str) -> sa.Column[object]:
    return sa.Column(name, MOMENT, nullable=False, server_default=sa.func.now())


def mark(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def users() -> None:
    op.create_table(
        "users",
        identity(),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("avatar_url", sa.Text),
        sa.Column("password_hash", sa.Text),
        sa.Column("issuer", sa.Text),
        sa.Column("subject", sa.Text),
        moment("created_at"),
        sa.Column("last_seen_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
        sa.UniqueConstraint("issuer", "subject", name="uq_users_issuer_subject"),
        sa.CheckConstraint("username ~ '^[a-z0-9_.-]{3,32}$'", name="ck_users_username"),
        postgresql_with=ROOM_FOR_UPDATES,
    )
    op.execute("CREATE INDEX ix_users_username_prefix ON users (username text_pattern_ops)")
    op.execute("CREATE INDEX ix_users_display_name_prefix ON users (lower(display_name) text_pattern_ops)")


def auth_sessions() -> None:
    op.create_table(
        "auth_sessions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("device_id", sa.Text),
        sa.Column("refresh_generation", sa.Integer, nullable=False, server_default="0"),
        moment("created_at"),
        moment("last_used_at"),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.Column("revoked_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_auth_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_auth_sessions_user_id_users", ondelete="CASCADE"),
    )
    op.create_index("ix_auth_sessions_user_id", "auth_sessions", ["user_id"])
    op.execute("CREATE INDEX ix_auth_sessions_revoked_at ON auth_sessions (revoked_at) WHERE revoked_at IS NOT NULL")


def conversations() -> None:
    op.create_table(
        "conversations",
        identity(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("direct_low", sa.BigInteger),
        sa.Column("direct_high", sa.BigInteger),
        mark("last_seq"),
        mark("version"),
        moment("created_at"),
        moment("last_activity_at"),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.UniqueConstraint("direct_low", "direct_high", name="uq_conversations_direct_low_direct_high"),
        sa.CheckConstraint("kind IN ('direct', 'group')", name="ck_conversations_kind"),
        sa.CheckConstraint(
            "(kind = 'direct') = (direct_low IS NOT NULL AND direct_high IS NOT NULL)",
            name="ck_conversations_direct_has_two",
        ),
        sa.CheckConstraint("direct_low <= direct_high", name="ck_conversations_direct_order"),
        postgresql_with=ROOM_FOR_UPDATES,
    )


def members() -> None:
    op.create_table(
        "members",
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("role", sa.Text, nullable=False, server_default="member"),
        moment("joined_at"),
        mark("joined_seq"),
        mark("last_delivered_seq"),
        mark("last_read_seq"),
        mark("version"),
        sa.Column("muted_until", MOMENT),
        sa.PrimaryKeyConstraint("conversation_id", "user_id", name="pk_members"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_members_conversation_id_conversations",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_members_user_id_users"),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name="ck_members_role"),
        postgresql_with=ROOM_FOR_UPDATES,
    )
    op.create_index("ix_members_user_id_conversation_id", "members", ["user_id", "conversation_id"])


def messages() -> None:
    # No foreign keys, for the reasons in app/store/models/messages.py.
    op.create_table(
        "messages",
        sa.Column("conversation_id", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("sender_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("attachments", JSONB),
        sa.Column("reply_to", sa.Uuid),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("sent_at", MILLISECONDS, nullable=False),
        sa.Column("edited_at", MILLISECONDS),
        sa.Column("deleted_at", MILLISECONDS),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_messages", postgresql_include=["sender_id"]),
        sa.UniqueConstraint("id", "conversation_id", name="uq_messages_id_conversation_id"),
        postgresql_with=VACUUM_AFTER_INSERTS,
    )
    op.create_index("ix_messages_conversation_id_version", "messages", ["conversation_id", "version"])


def log_state() -> None:
    op.create_table(
        "log_state",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        moment("started_at"),
        sa.PrimaryKeyConstraint("id", name="pk_log_state"),
        sa.CheckConstraint("id = 1", name="ck_log_state_one_row"),
    )
    op.execute("INSERT INTO log_state (id, epoch) VALUES (1, 1)")


def dead_letters() -> None:
    op.create_table(
        "dead_letters",
        identity(),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
    )
