"""Lets ``log_state`` have a row for each shard: its id is the number of the shard plus one.

The previous release goes on using row 1, which is the first shard's. Other rows are added when a shard begins.
"""

from __future__ import annotations

from alembic import op

revision = "20261201_0130"
down_revision = "20261129_1600"

ONE_ROW, SHARDS = "ck_log_state_one_row", "ck_log_state_shard"


def upgrade() -> None:
    op.drop_constraint(ONE_ROW, "log_state", type_="check")
    op.create_check_constraint(SHARDS, "log_state", "id > 0")


def downgrade() -> None:
    """The epochs of all shards but the first are lost: the previous release has one log."""
    op.execute("DELETE FROM log_state WHERE id > 1")
    op.drop_constraint(SHARDS, "log_state", type_="check")
    op.create_check_constraint(ONE_ROW, "log_state", "id = 1")
