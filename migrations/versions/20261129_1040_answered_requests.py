"""Notes when a request was answered, so that sessions which resume get the answer.

The new column has no default, so no row is rewritten.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_1040"
down_revision = "20261129_0900"


def upgrade() -> None:
    op.add_column("requests", sa.Column("answered_at", sa.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    op.execute("DELETE FROM requests WHERE answered_at IS NOT NULL AND NOT refused")
    op.drop_column("requests", "answered_at")
