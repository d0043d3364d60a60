"""Adds the device name and the network of a sign-in, for the list of sign-ins.

The columns are nullable, so nothing is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_1910"
down_revision = "20261128_1900"

COLUMNS = ("device_name", "network")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("auth_sessions", sa.Column(name, sa.Text, nullable=True))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("auth_sessions", name)
