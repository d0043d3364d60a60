"""Adds the time of the newest token that a host issued for a user, and gives users of tokens the host's id of them.

The column is nullable, so no row is rewritten for it. Users get their ids in steps that lock few rows each. A migration
that was interrupted can run again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261129_0800"
down_revision = "20261129_0700"

ROWS = 5_000
# The id of a user is the subject of their tokens, if it may be an id and names only one user here.
GIVE_IDS = sa.text("""
    UPDATE users AS u SET external_id = u.subject
    WHERE u.id > :after AND u.id <= :last AND u.subject IS NOT NULL AND u.external_id IS NULL AND u.deleted_at IS NULL
      AND length(u.subject) <= 128 AND u.subject !~ '[[:cntrl:]]'
      AND NOT EXISTS (SELECT FROM users AS o WHERE o.external_id = u.subject)
      AND NOT EXISTS (SELECT FROM users AS o WHERE o.subject = u.subject AND o.id <> u.id AND o.deleted_at IS NULL)
""")


def upgrade() -> None:
    op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS claims_at timestamptz(3)")
    with op.get_context().autocommit_block():
        _give_ids(op.get_bind())


def _give_ids(conn: sa.Connection) -> None:
    first, last = conn.execute(
        sa.text("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM users WHERE subject IS NOT NULL")
    ).one()
    for after in range(first - 1, last, ROWS):
        conn.execute(GIVE_IDS, {"after": after, "last": after + ROWS})


def downgrade() -> None:
    op.drop_column("users", "claims_at")
