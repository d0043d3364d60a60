"""The key of shadow_changes gets the conversation: two shards may give the same version to two acts of one user.

Old code relies on no columns of the key (it inserts with ON CONFLICT DO NOTHING), so it runs with both keys. The new
one's index is built concurrently, which is no transaction; that is safe to run again after a failure. The exchange only
renames an index and drops one.
"""

from __future__ import annotations

from alembic import op

from migrations.in_use import while_in_use

revision = "20261201_0420"
down_revision = "20261201_0150"

TABLE, KEY, NEW = "shadow_changes", "pk_shadow_changes", "pk_shadow_changes_new"


def upgrade() -> None:
    _change_key("user_id, version, conversation_id")


def downgrade() -> None:
    op.execute("""
        DELETE FROM shadow_changes AS a USING shadow_changes AS b
        WHERE (a.user_id, a.version) = (b.user_id, b.version) AND a.conversation_id > b.conversation_id
    """)
    _change_key("user_id, version")


def _change_key(columns: str) -> None:
    with while_in_use():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NEW}")  # an earlier attempt may have left one
        op.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {NEW} ON {TABLE} ({columns})")
    op.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {KEY}, ADD CONSTRAINT {KEY} PRIMARY KEY USING INDEX {NEW}")
