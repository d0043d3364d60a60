"""Gives each reaction the one form of its emoji, and removes reactions that are no emoji.

Before, any text of 32 characters could be a reaction. ``..`` was dangerous: a client that normalises addresses took
it away with ``DELETE /messages/{id}``, which deletes the message.

Only such rows are locked. Reactions that the previous release adds during the deploy are rare, and do no harm: the page
offers only emoji, and the drain of this release stores nothing else.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.core.emoji import normal_emoji

revision = "20261129_0330"
down_revision = "20261129_0300"

REPLACE = sa.text("""
    WITH old AS (
        DELETE FROM reactions AS r
        USING unnest(CAST(:old AS text[]), CAST(:new AS text[])) AS form (was, becomes) WHERE r.emoji = was
        RETURNING r.conversation_id, r.seq, r.user_id, becomes, r.version, r.created_at
    )
    INSERT INTO reactions (conversation_id, seq, user_id, emoji, version, created_at)
    SELECT conversation_id, seq, user_id, becomes, max(version), min(created_at) FROM old
    WHERE becomes IS NOT NULL GROUP BY conversation_id, seq, user_id, becomes
    ON CONFLICT DO NOTHING
""")


def upgrade() -> None:
    stored = op.get_bind().execute(sa.text("SELECT DISTINCT emoji FROM reactions")).scalars()
    forms = {emoji: form for emoji in stored if (form := normal_emoji(emoji)) != emoji}
    if forms:
        op.get_bind().execute(REPLACE, {"old": list(forms), "new": list(forms.values())})


def downgrade() -> None:
    """The previous release shows these reactions as they are."""
