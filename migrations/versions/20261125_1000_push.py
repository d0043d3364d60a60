"""Adds push notifications: new tables, and columns with constant defaults, which rewrite nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261125_1000"
down_revision = "20261125_0900"

MOMENT = sa.DateTime(timezone=True)
BIG = sa.BigInteger
NOW = sa.func.now()


def upgrade() -> None:
    op.add_column("members", sa.Column("mute_except_mentions", sa.Boolean, nullable=False, server_default=sa.false()))
    # In the only row: whether anybody ever registered a device. The drain reads it together with the epoch.
    op.add_column("log_state", sa.Column("pushing", sa.Boolean, nullable=False, server_default=sa.false()))
    _targets()
    _settings()
    _owed()
    _deliveries()
    op.create_table(
        "push_keys",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("private_key", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_push_keys"),
        sa.CheckConstraint("id = 1", name="ck_push_keys_one"),
    )


def _targets() -> None:
    op.create_table(
        "push_targets",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("auth_session", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("platform", "host", "address", "digest")),
        *(sa.Column(name, sa.Text) for name in ("p256dh", "auth", "device_id")),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("renewed_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("expires_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_push_targets"),
        sa.UniqueConstraint("digest", name="uq_push_targets_digest"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_push_targets_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("platform IN ('browser', 'android', 'ios', 'web')", name="ck_push_targets_platform"),
        sa.CheckConstraint(
            "platform <> 'browser' OR (p256dh IS NOT NULL AND auth IS NOT NULL)",
            name="ck_push_targets_browser_has_keys",
        ),
    )
    op.create_index("ix_push_targets_user_id", "push_targets", ["user_id"])
    op.create_index("ix_push_targets_auth_session", "push_targets", ["auth_session"])


def _settings() -> None:
    op.create_table(
        "push_settings",
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("preview", sa.Text, nullable=False, server_default="full"),
        sa.Column("while_active", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("quiet_from", sa.SmallInteger),
        sa.Column("quiet_to", sa.SmallInteger),
        sa.Column("time_zone", sa.Text),
        sa.PrimaryKeyConstraint("user_id", name="pk_push_settings"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_push_settings_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("preview IN ('full', 'sender', 'none')", name="ck_push_settings_preview"),
        sa.CheckConstraint(
            "(quiet_from IS NULL) = (quiet_to IS NULL) AND (quiet_from IS NULL) = (time_zone IS NULL)",
            name="ck_push_settings_quiet",
        ),
    )


def _owed() -> None:
    op.create_table(
        "push_owed",
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("looked_at", MOMENT),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name="pk_push_owed"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_push_owed_due_at", "push_owed", ["due_at", "user_id"])
    op.create_table(
        "push_shown",
        sa.Column("target_id", BIG, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("target_id", "conversation_id", name="pk_push_shown"),
        sa.ForeignKeyConstraint(
            ["target_id"], ["push_targets.id"], name="fk_push_shown_target_id_push_targets", ondelete="CASCADE"
        ),
    )
    op.execute("CREATE INDEX ix_push_shown_standing ON push_shown (user_id, conversation_id) WHERE seq > 0")
    op.create_index("ix_push_shown_sent_at", "push_shown", ["sent_at"])


def _deliveries() -> None:
    op.create_table(
        "push_deliveries",
        sa.Column("id", BIG, sa.Identity(always=False), nullable=False),
        *(sa.Column(name, BIG, nullable=False) for name in ("target_id", "user_id", "conversation_id", "seq")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "provider", "host")),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_push_deliveries"),
        sa.CheckConstraint("kind IN ('message', 'clear')", name="ck_push_deliveries_kind"),
        sa.CheckConstraint("provider IN ('fcm', 'webpush')", name="ck_push_deliveries_provider"),
        sa.CheckConstraint(
            "state IN ('pending', 'sent', 'dropped', 'refused', 'gone', 'expired')", name="ck_push_deliveries_state"
        ),
        sa.CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="ck_push_deliveries_finished"),
        postgresql_with={"fillfactor": 70},
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_push_deliveries_pending ON push_deliveries (target_id, conversation_id)"
        " WHERE state = 'pending'"
    )
    op.execute(
        "CREATE INDEX ix_push_deliveries_due ON push_deliveries (provider, due_at, user_id) WHERE state = 'pending'"
    )
    op.create_index("ix_push_deliveries_finished_at", "push_deliveries", ["finished_at"])


def downgrade() -> None:
    for table in ("push_keys", "push_deliveries", "push_shown", "push_owed", "push_settings", "push_targets"):
        op.drop_table(table)
    op.drop_column("log_state", "pushing")
    op.drop_column("members", "mute_except_mentions")
