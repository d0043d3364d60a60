"""Test rows, inserted with the store's own functions if there are any."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, text

from app.store.batch_statement import NewMessage
from app.store.batch_writes import store_batch
from app.store.engine import autocommit, writing
from app.store.open_direct import get_or_create_direct
from app.store.users import insert_user

START_MS = 1_800_000_000_000
_numbers = itertools.count(1)
_versions = itertools.count(START_MS * 1000, 1000)


def add_users(engine: Engine, count: int) -> list[int]:
    with writing(engine) as conn:
        made = [insert_user(conn, f"user{next(_numbers)}", "Somebody") for _ in range(count)]
    return [user.id for user in made if user]


def add_direct(engine: Engine, user: int, other: int) -> int:
    with autocommit(engine) as conn:
        found = get_or_create_direct(conn, user, other)
    assert found is not None
    return found[0]


def add_pair(engine: Engine) -> tuple[int, int, int]:
    """Creates a direct conversation of two new users and returns ``(conversation_id, user, other)``."""
    user, other = add_users(engine, 2)
    return add_direct(engine, user, other), user, other


def add_group(engine: Engine, members: Sequence[int]) -> int:
    with writing(engine) as conn:
        insert = "INSERT INTO conversations (kind, name, member_count) VALUES ('group', 'G', :count) RETURNING id"
        made = conn.execute(text(insert), {"count": len(members)})
        group: int = made.scalar_one()
        rows = [{"c": group, "u": user} for user in members]
        conn.execute(text("INSERT INTO members (conversation_id, user_id) VALUES (:c, :u)"), rows)
    return group


def next_version() -> int:
    """Returns versions in microseconds, each a millisecond after the last."""
    return next(_versions)


def new_message(conversation: int, seq: int, sender: int, **fields: object) -> NewMessage:
    version = next_version()
    made = NewMessage(
        conversation,
        seq,
        str(uuid.uuid4()),
        sender,
        "text",
        f"message {seq}",
        None,
        None,
        version,
        version // 1000,
    )
    return made._replace(**fields)  # type: ignore[arg-type]


def new_messages(conversation: int, sender: int, count: int, first: int = 1) -> list[NewMessage]:
    return [new_message(conversation, seq, sender) for seq in range(first, first + count)]


def say(engine: Engine, conversation: int, sender: int, *texts: str, first: int = 1, **fields: Any) -> list[NewMessage]:
    """Stores messages with these texts, from the seq ``first`` on."""
    messages = [new_message(conversation, first + i, sender, body=body, **fields) for i, body in enumerate(texts)]
    store_batch(engine, 1, messages, [])
    return messages


def leave(engine: Engine, conversation: int, user: int, seq: int, version: int) -> None:
    """Records that the user left after the message ``seq`` and sees no later ones."""
    values = {"c": conversation, "u": user, "s": seq, "v": version}
    with writing(engine) as conn:
        conn.execute(
            text("UPDATE members SET left_seq = :s, left_version = :v WHERE conversation_id = :c AND user_id = :u"),
            values,
        )
        conn.execute(text("UPDATE conversations SET member_count = member_count - 1 WHERE id = :c"), values)


def join(engine: Engine, conversation: int, user: int, seq: int, version: int, *, sees_all: bool = True) -> None:
    """Records that the member joined with the message ``seq``."""
    values = {"c": conversation, "u": user, "s": seq, "v": version, "f": 0 if sees_all else seq - 1}
    with writing(engine) as conn:
        conn.execute(
            text(
                "UPDATE members SET joined_seq = :s, joined_version = :v, visible_from = :f,"
                " last_delivered_seq = :s - 1, last_read_seq = :s - 1 WHERE conversation_id = :c AND user_id = :u"
            ),
            values,
        )


def hide(engine: Engine, conversation: int, user: int, seq: int) -> int:
    """Deletes the message for this user only and returns the version."""
    version = next_version()
    row = {"c": conversation, "u": user, "s": seq, "v": version}
    with writing(engine) as conn:
        conn.execute(text("INSERT INTO hidden_messages VALUES (:u, :c, :s, :v)"), row)
        conn.execute(text("UPDATE conversations SET version = :v WHERE id = :c"), row)
    return version


def change(engine: Engine, conversation: int, seq: int, **columns: object) -> int:
    """Sets columns of a message together with a new version, and returns that version."""
    version = next_version()
    sets = "".join(f"{name} = :{name}, " for name in columns)
    with writing(engine) as conn:
        conn.execute(
            text(f"UPDATE messages SET {sets} version = :v WHERE conversation_id = :c AND seq = :s"),
            {"c": conversation, "s": seq, "v": version, **columns},
        )
        conn.execute(text("UPDATE conversations SET version = :v WHERE id = :c"), {"c": conversation, "v": version})
    return version
