"""Adds the changes of a member's own view: marked as unread, cleared, removed from the list.

The new columns are null, so no row is rewritten. A server of the previous release ignores them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_0410"
down_revision = "20261129_0400"

COLUMNS = ("marked_unread_seq", "cleared_version", "removed_seq")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("members", sa.Column(name, sa.BigInteger))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("members", name)
