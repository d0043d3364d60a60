"""The languages of users and devices.

``users.locale`` is the user's choice. ``push_targets.locale`` is the preference of the browser or device at its
registration; it counts for users without a choice. Both are only metadata of the tables: no row is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_0510"
down_revision = "20261129_0500"


def upgrade() -> None:
    op.add_column("users", sa.Column("locale", sa.Text()))
    op.add_column("push_targets", sa.Column("locale", sa.Text()))


def downgrade() -> None:
    op.drop_column("push_targets", "locale")
    op.drop_column("users", "locale")
