"""Reads the rows of the conversations under test from Postgres."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

EDITED = " (edited)"  # talkers add it to a text that they change
FOREVER = 1 << 62
MEMBERS = """
select conversation_id, user_id, left_seq, last_delivered_seq, last_read_seq from members
where conversation_id in (select conversation_id from members where user_id = any(%s))
"""
MESSAGES = """
select conversation_id, seq, id::text, sender_id, coalesce(body, ''), kind from messages where conversation_id = any(%s)
"""
FILES = """
select m.id::text, a ->> 'mediaId' from messages as m, jsonb_array_elements(m.attachments::jsonb) as a
where m.attachments is not null and conversation_id = any(%s)
"""
MEDIA = "select id::text, state from media where conversation_id = any(%s)"
STREAMING = """
select m.id::text from streams join messages as m using (conversation_id, seq) where conversation_id = any(%s)
"""
REACTIONS = """
select m.id::text, array_agg(r.emoji) from reactions as r join messages as m using (conversation_id, seq)
where conversation_id = any(%s) group by m.id
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored message."""

    conversation_id: int
    seq: int
    id: str
    sender_id: int
    body: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Stored:
    """``members`` are those at the end. ``left``: (conversation, user) -> the seq of the leaving. ``marks``:
    (conversation, user) -> (delivered, read). ``reactions``: message id -> emojis. ``files``: message id -> media.
    ``media``: their states. ``streaming``: messages that still grow.
    """

    rows: tuple[Row, ...]
    members: dict[int, frozenset[int]]
    left: dict[tuple[int, int], int] = field(default_factory=dict)
    marks: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    reactions: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, frozenset[str]] = field(default_factory=dict)
    media: dict[str, str] = field(default_factory=dict)
    streaming: frozenset[str] = frozenset()

    def last_visible(self, conversation_id: int, user_id: int) -> int:
        """Returns the seq up to which this user may see the conversation; 0 for strangers."""
        if user_id in self.members.get(conversation_id, frozenset()):
            return FOREVER
        return self.left.get((conversation_id, user_id), 0)


def read_stored(database_url: str, users: list[int]) -> Stored:
    """Returns the rows of these users' conversations."""
    members: dict[int, set[int]] = {}
    left: dict[tuple[int, int], int] = {}
    marks: dict[tuple[int, int], tuple[int, int]] = {}
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        for conversation, user, left_seq, delivered, read in connection.execute(MEMBERS, (users,)):
            marks[conversation, user] = (delivered, read)
            if left_seq is None:
                members.setdefault(conversation, set()).add(user)
            else:
                left[conversation, user] = left_seq
        found = (list(members),)
        rows = tuple(Row(*row) for row in connection.execute(MESSAGES, found))
        reactions = {id_: frozenset(emojis) for id_, emojis in connection.execute(REACTIONS, found)}
        files: dict[str, set[str]] = {}
        for id_, media_id in connection.execute(FILES, found):
            files.setdefault(id_, set()).add(media_id)
        media = {id_: state for id_, state in connection.execute(MEDIA, found)}  # noqa: C416 - typed rows
        streaming = frozenset(id_ for (id_,) in connection.execute(STREAMING, found))
    return Stored(
        rows,
        {c: frozenset(users) for c, users in members.items()},
        left,
        marks,
        reactions,
        {id_: frozenset(of_message) for id_, of_message in files.items()},
        media,
        streaming,
    )
