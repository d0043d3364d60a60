"""Names of users, groups and files, page by page, and their replacement. For names that are older than the rule for
names.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, func, select, update

from app.store.host_events import add_conversation_event, add_user_events
from app.store.models import Conversation, Media, User
from app.store.people_names import write_name

FIRST_FILE = str(uuid.UUID(int=0))


class StoredName(NamedTuple):
    """``instead`` is the name if nothing of the stored one shows; None if there need not be one."""

    id: Any
    name: str
    instead: str | None = None


def users_after(conn: Connection, last: int, limit: int) -> list[StoredName]:
    """Leaves out deleted users, because they share one name."""
    names = select(User.id, User.display_name, User.username).where(User.id > last, User.deleted_at.is_(None))
    return _page(conn, names.order_by(User.id).limit(limit))


def groups_after(conn: Connection, last: int, limit: int) -> list[StoredName]:
    names = select(Conversation.id, Conversation.name).where(Conversation.id > last, Conversation.name.is_not(None))
    return _page(conn, names.order_by(Conversation.id).limit(limit))


def files_after(conn: Connection, last: str, limit: int) -> list[StoredName]:
    names = select(Media.id, Media.filename).where(Media.id > uuid.UUID(last), Media.filename.is_not(None))
    return _page(conn, names.order_by(Media.id).limit(limit))


def _page(conn: Connection, names: Executable) -> list[StoredName]:
    return [StoredName(*row) for row in conn.execute(names)]


def replace_user_name(conn: Connection, was: StoredName, name: str) -> bool:
    """Returns False if the user has another name by now."""
    same = User.id == was.id, User.display_name == was.name
    if not conn.execute(update(User).where(*same).values(display_name=name, changed_at=func.now())).rowcount:
        return False
    write_name(conn, was.id, name)
    add_user_events(conn, "user.updated", [was.id])
    return True


def replace_group_name(conn: Connection, was: StoredName, name: str | None) -> bool:
    """Returns False if the group has another name by now."""
    same = Conversation.id == was.id, Conversation.name == was.name
    if not conn.execute(update(Conversation).where(*same).values(name=name)).rowcount:
        return False
    add_conversation_event(conn, "conversation.updated", was.id)
    return True


def replace_file_name(conn: Connection, was: StoredName, name: str | None) -> bool:
    """Returns False if the file has another name by now."""
    same = Media.id == was.id, Media.filename == was.name
    return bool(conn.execute(update(Media).where(*same).values(filename=name)).rowcount)
