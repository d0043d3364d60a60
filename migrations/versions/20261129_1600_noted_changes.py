"""Notes for each member when their conversations changed last, so that a user of thousands of conversations reads only
those that changed.

The triggers come first. From then on, every writer notes its changes, those of the previous release too. Then the rows
of existing memberships are filled in small transactions, while no drain writes. It is safe to run again after a
failure.

A conversation that changes again and again is noted once in five minutes, with a time five minutes ahead. Until then
the condition of its trigger is false. The condition compares columns of the row that was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from migrations.in_use import while_in_use

revision = "20261129_1600"
down_revision = "20261129_1100"

CONVERSATIONS_AT_ONCE = 2_000

LATER = """
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET noted = greatest(noted_changes.noted, excluded.noted), active = excluded.active;
"""
# In a group of over 100 members, the change is noted once for all of them, under the user 0.
NOTE_CHANGE = """
    CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        upto bigint := CASE
            WHEN NEW.version <= NEW.noted THEN NEW.noted
            WHEN NEW.noted = 0 OR NEW.version > NEW.noted + 300000000 THEN NEW.version
            ELSE NEW.version + 300000000 END;
        until timestamptz := CASE
            WHEN NEW.last_activity_at <= NEW.noted_active THEN NEW.noted_active
            WHEN NEW.last_activity_at > NEW.noted_active + interval '5 minutes' THEN NEW.last_activity_at
            ELSE NEW.last_activity_at + interval '5 minutes' END;
    BEGIN
        UPDATE conversations SET noted = upto, noted_active = until WHERE id = NEW.id;
        IF NEW.member_count > 100 THEN
            INSERT INTO noted_changes (user_id, conversation_id, noted, active) VALUES (0, NEW.id, upto, until) LATER
        ELSE
            INSERT INTO noted_changes (user_id, conversation_id, noted, active)
            SELECT m.user_id, m.conversation_id, upto, until FROM members AS m
            WHERE m.conversation_id = NEW.id AND m.left_seq IS NULL LATER
        END IF;
        RETURN NULL;
    END $$;
"""
NOTE_NEW_MEMBERS = """
    CREATE OR REPLACE FUNCTION note_new_members() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO noted_changes (user_id, conversation_id, noted, active)
        SELECT m.user_id, m.conversation_id, greatest(m.joined_version, c.noted, c.version),
               greatest(c.noted_active, c.last_activity_at)
        FROM new_members AS m JOIN conversations AS c ON c.id = m.conversation_id LATER
        RETURN NULL;
    END $$;
"""
NOTE_RETURNED_MEMBER = """
    CREATE OR REPLACE FUNCTION note_returned_member() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO noted_changes (user_id, conversation_id, noted, active)
        SELECT NEW.user_id, c.id, greatest(NEW.joined_version, c.noted, c.version),
               greatest(c.noted_active, c.last_activity_at)
        FROM conversations AS c WHERE c.id = NEW.conversation_id LATER
        RETURN NULL;
    END $$;
"""
# AFTER, because a trigger BEFORE an update locks each row first.
TRIGGERS = (
    """
    CREATE OR REPLACE TRIGGER note_change AFTER UPDATE OF version, last_activity_at ON conversations FOR EACH ROW
        WHEN (NEW.version > NEW.noted OR NEW.last_activity_at > NEW.noted_active)
        EXECUTE FUNCTION note_change()
    """,
    """
    CREATE OR REPLACE TRIGGER note_new_members AFTER INSERT ON members REFERENCING NEW TABLE AS new_members
        FOR EACH STATEMENT EXECUTE FUNCTION note_new_members()
    """,
    """
    CREATE OR REPLACE TRIGGER note_returned_member AFTER UPDATE OF left_seq, joined_version ON members FOR EACH ROW
        WHEN (NEW.left_seq IS NULL AND (OLD.left_seq IS NOT NULL OR OLD.joined_version <> NEW.joined_version))
        EXECUTE FUNCTION note_returned_member()
    """,
)
# Every batch of a drain takes this lock, so the two cannot wait for each other's rows.
WITHOUT_DRAIN = sa.text("SELECT 1 FROM log_state WHERE id = 1 FOR NO KEY UPDATE")
FILL = sa.text("""
    WITH page AS MATERIALIZED (
        SELECT id, version, last_activity_at FROM conversations WHERE id > :after ORDER BY id LIMIT :rows
    ), filled AS (
        INSERT INTO noted_changes (user_id, conversation_id, noted, active)
        SELECT m.user_id, m.conversation_id, c.version, c.last_activity_at
        FROM page AS c JOIN members AS m ON m.conversation_id = c.id
        ON CONFLICT DO NOTHING
    )
    SELECT max(id) FROM page
""")


def upgrade() -> None:
    add_columns()
    add_tables()
    for function in (NOTE_CHANGE, NOTE_NEW_MEMBERS, NOTE_RETURNED_MEMBER):
        op.execute(function.replace("LATER", LATER))
    with op.get_context().autocommit_block():  # each holds the lock of one table only, so none can deadlock
        for trigger in TRIGGERS:
            op.execute(trigger)
    with while_in_use():
        fill()


def add_columns() -> None:
    """With constant defaults, so no row is rewritten."""
    noted = sa.Column("noted", sa.BigInteger, nullable=False, server_default="0")
    active = sa.Column("noted_active", sa.DateTime(timezone=True), nullable=False, server_default="-infinity")
    for column in (noted, active):
        op.add_column("conversations", column, if_not_exists=True)


def add_tables() -> None:
    op.create_table(
        "noted_changes",
        sa.Column("user_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("conversation_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("noted", sa.BigInteger, nullable=False),
        sa.Column("active", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name="pk_noted_changes"),
        if_not_exists=True,
    )
    for name in ("noted", "active"):
        columns = ["user_id", name, "conversation_id"]
        op.create_index(f"ix_noted_changes_{name}", "noted_changes", columns, if_not_exists=True)
    op.create_table(
        "read_conversations",
        sa.Column("user_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("unread", sa.ARRAY(sa.BigInteger), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_read_conversations"),
        if_not_exists=True,
    )


def fill() -> None:
    last: int | None = 0
    connection = op.get_bind()
    while last is not None:
        connection.execute(sa.text("BEGIN"))
        connection.execute(WITHOUT_DRAIN)
        last = connection.execute(FILL, {"after": last, "rows": CONVERSATIONS_AT_ONCE}).scalar()
        connection.execute(sa.text("COMMIT"))


def downgrade() -> None:
    for name, table in (("change", "conversations"), ("new_members", "members"), ("returned_member", "members")):
        op.execute(f"DROP TRIGGER note_{name} ON {table}")
        op.execute(f"DROP FUNCTION note_{name}()")
    op.drop_table("read_conversations")
    op.drop_table("noted_changes")
    op.drop_column("conversations", "noted_active")
    op.drop_column("conversations", "noted")
