"""Drops the checks that listed push platforms and providers: installed packages may add more (app/push/registry.py).

Each statement needs the table's lock for a moment and reads no rows.
"""

from __future__ import annotations

from alembic import op

revision = "20261128_1000"
down_revision = "20261125_1000"

CHECKS = {
    "push_targets": ("ck_push_targets_platform", "platform IN ('browser', 'android', 'ios', 'web')"),
    "push_deliveries": ("ck_push_deliveries_provider", "provider IN ('fcm', 'webpush')"),
}


def upgrade() -> None:
    for table, (name, _) in CHECKS.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def downgrade() -> None:
    """The checks are not validated: rows of added providers may exist."""
    for table, (name, check) in CHECKS.items():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({check}) NOT VALID")
