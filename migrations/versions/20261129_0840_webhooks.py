"""Adds the feed of events for hosts, webhooks, and the queue of their deliveries.

The new column has a constant default, so no row is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "20261129_0840"
down_revision = "20261129_0820"

INSERTED = {"autovacuum_vacuum_insert_scale_factor": 0.05, "autovacuum_analyze_scale_factor": 0.02}


def _moment(name: str, **more: object) -> sa.Column[object]:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), **more)


def _created() -> sa.Column[object]:
    return _moment("created_at", nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.add_column("log_state", sa.Column("feeding", sa.Boolean, nullable=False, server_default=sa.false()))
    _create_feed()
    _create_webhooks()
    _create_queue()


def _create_feed() -> None:
    op.create_table(
        "host_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("lane", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("part", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("created_at", TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_host_events"),
        postgresql_with=INSERTED,
    )
    op.create_index(
        "uq_host_events_version_part",
        "host_events",
        ["version", "part"],
        unique=True,
        postgresql_where=sa.text("version IS NOT NULL"),
    )
    op.create_table(
        "host_feed",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("swept_id", sa.BigInteger, nullable=False, server_default="0"),
        _moment("pulled_at"),
        sa.PrimaryKeyConstraint("id", name="pk_host_feed"),
        sa.CheckConstraint("id = 1", name="ck_host_feed_one_row"),
    )
    op.execute("INSERT INTO host_feed (id) VALUES (1)")


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("types", ARRAY(sa.Text)),
        sa.Column("description", sa.Text, nullable=False, server_default=""),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="on"),
        sa.Column("off_reason", sa.Text),
        sa.Column("position", sa.BigInteger, nullable=False, server_default="0"),
        _moment("failing_since"),
        _moment("delivered_at"),
        _created(),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.CheckConstraint("state IN ('on', 'off')", name="ck_webhooks_state"),
        postgresql_with={"fillfactor": 70},
    )


def _create_queue() -> None:
    op.create_table(
        "webhook_lanes",
        sa.Column("webhook_id", sa.BigInteger, nullable=False),
        sa.Column("lane", sa.BigInteger, nullable=False),
        sa.Column("pending", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        _moment("due_at", nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "lane", name="pk_webhook_lanes"),
        _of_webhook("webhook_lanes"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_webhook_lanes_due", "webhook_lanes", ["webhook_id", "due_at"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("lane", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("status", sa.SmallInteger),
        sa.Column("error", sa.Text),
        _created(),
        _moment("ended_at"),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", name="pk_webhook_deliveries"),
        _of_webhook("webhook_deliveries"),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="ck_webhook_deliveries_state"),
    )
    for name, columns, state in (
        ("pending", ["webhook_id", "lane", "event_id"], "pending"),
        ("failed", ["webhook_id", "event_id"], "failed"),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(f"ix_webhook_deliveries_{name}", "webhook_deliveries", columns, postgresql_where=where)
    op.create_index("ix_webhook_deliveries_event_id", "webhook_deliveries", ["event_id"])


def _of_webhook(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_webhook_id_webhooks"
    return sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    for table in ("webhook_deliveries", "webhook_lanes", "webhooks", "host_feed", "host_events"):
        op.drop_table(table)
    op.drop_column("log_state", "feeding")
