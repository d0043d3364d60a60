"""Lists of media where media of the wanted kind are rare, or a message has many."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, Engine, text

from app.store import media_lists
from app.store.engine import writing
from app.store.media_lists import messages_with_media
from tests.factories.store import add_pair

ADD_USE = text("""
    WITH made AS (
        INSERT INTO media (id, conversation_id, user_id, state, storage, kind)
        VALUES (:medium, :c, :u, 'ready', 'local', :kind)
    )
    INSERT INTO media_uses (media_id, conversation_id, seq, told) VALUES (:medium, :c, 1, true)
""")
ADD = text("""
    WITH sent AS (
        INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, created_version, sent_at)
        SELECT :c, n, gen_random_uuid(), :u, 'text', '', n, n, now() FROM generate_series(1, :count) AS n
    ), made AS (
        INSERT INTO media (id, conversation_id, user_id, state, storage, kind)
        VALUES (:image, :c, :u, 'ready', 'local', 'image'), (:file, :c, :u, 'ready', 'local', 'file')
    )
    INSERT INTO media_uses (media_id, conversation_id, seq, told)
    SELECT CASE WHEN n = 1 THEN CAST(:file AS uuid) ELSE CAST(:image AS uuid) END, :c, n, true
    FROM generate_series(1, :count) AS n
""")


def test_rare_kind_is_found_in_bounded_steps(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    with writing(engine) as conn:
        add(conn, conversation, ann, 2 * media_lists.SCANNED + 1)
        assert pages(conn, conversation, ben, "file") == [[], [], [1]]


def test_message_at_the_end_of_a_step_is_listed_for_each_of_its_media(engine: Engine) -> None:
    conversation, ann, ben = add_pair(engine)
    with writing(engine) as conn:
        add(conn, conversation, ann, media_lists.SCANNED)
        for kind in ("audio", "video"):
            conn.execute(ADD_USE, {"c": conversation, "u": ann, "medium": str(uuid.uuid4()), "kind": kind})
        for kind in ("file", "audio", "video"):
            assert pages(conn, conversation, ben, kind) == [[1], []]


def add(conn: Connection, conversation: int, sender: int, count: int) -> None:
    """Stores messages with a picture each. Only the first has a file instead."""
    media = {"image": str(uuid.uuid4()), "file": str(uuid.uuid4())}
    conn.execute(ADD, {"c": conversation, "u": sender, "count": count, **media})


def pages(conn: Connection, conversation: int, viewer: int, kind: str) -> list[list[int]]:
    before, found = 2**53, []
    while before:
        page = messages_with_media(conn, conversation, user_id=viewer, kinds=[kind], before=before, limit=10)
        found.append([message.seq for message in page.messages])
        before = page.next or 0
    return found
