"""Notes which edit of a message a notification shows, and allows silent updates of notifications.

The check needs the table's lock for a moment and reads no rows: the new one allows all that the old one did.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "20261129_0345"
down_revision = "20261129_0330"


def upgrade() -> None:
    op.add_column("push_shown", sa.Column("edited_at", TIMESTAMP(timezone=True, precision=3)))
    op.execute("ALTER TABLE push_deliveries DROP CONSTRAINT ck_push_deliveries_kind")
    op.execute(
        "ALTER TABLE push_deliveries ADD CONSTRAINT ck_push_deliveries_kind "
        "CHECK (kind IN ('message', 'update', 'clear')) NOT VALID"
    )
    op.execute("ALTER TABLE push_deliveries VALIDATE CONSTRAINT ck_push_deliveries_kind")


def downgrade() -> None:
    op.execute("UPDATE push_deliveries SET kind = 'message' WHERE kind = 'update'")
    op.execute("ALTER TABLE push_deliveries DROP CONSTRAINT ck_push_deliveries_kind")
    op.execute(
        "ALTER TABLE push_deliveries ADD CONSTRAINT ck_push_deliveries_kind CHECK (kind IN ('message', 'clear'))"
    )
    op.drop_column("push_shown", "edited_at")
