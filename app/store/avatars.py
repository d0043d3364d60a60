"""Avatars: uploaded or fetched pictures, their small copies, and the addresses that name them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.core.avatars import PREFIX
from app.store.layout import is_distributed
from app.store.models import Avatar, Conversation, User
from app.store.sql import any_of, first, structs

_ID = cast(Avatar.id, Text)
_ADDRESS = func.concat(PREFIX, _ID)
# A user has few pictures at once: one, those of groups, and a few that were replaced.
MAX_PER_USER = 200
UNUSED_SECONDS, USED_SECONDS = 3600, 7 * 86_400


class WaitingAvatar(Struct, frozen=True):
    id: str
    user_id: int | None
    source: str | None
    original: bytes | None
    failures: int


class AvatarState(Struct, frozen=True):
    state: str
    picture: bytes | None


class AvatarOfSource(Struct, frozen=True):
    id: str
    state: str


def add(
    conn: Connection,
    user_id: int | None,
    *,
    source: str | None = None,
    original: bytes | None = None,
    conversation_id: int | None = None,
) -> str:
    """Stores a picture that waits to be processed. Returns its id."""
    avatar_id = uuid.uuid4()
    values = {"id": avatar_id, "user_id": user_id, "source": source, "original": original}
    # Beat takes it over if the task is lost.
    due = func.now() + timedelta(seconds=20)
    conn.execute(insert(Avatar).values(**values, conversation_id=conversation_id, sweep_at=due))
    return str(avatar_id)


def has_room(conn: Connection, user_id: int) -> bool:
    """Returns whether the user may add another picture."""
    theirs = select(Avatar.id).where(Avatar.user_id == user_id).limit(MAX_PER_USER)
    return conn.execute(select(func.count()).select_from(theirs.subquery())).scalar_one() < MAX_PER_USER


def exists(conn: Connection, avatar_id: str) -> bool:
    return conn.execute(select(Avatar.id).where(Avatar.id == uuid.UUID(avatar_id))).first() is not None


def find_fetched(conn: Connection, user_id: int, source: str) -> AvatarOfSource | None:
    """Returns the newest picture that was fetched for the user from this address."""
    return _newest(conn, Avatar.user_id == user_id, Avatar.source == source)


def was_fetched_from(conn: Connection, avatar_id: str, source: str) -> bool:
    """Returns whether this picture was fetched from this address."""
    return _newest(conn, Avatar.id == uuid.UUID(avatar_id), Avatar.source == source) is not None


def _newest(conn: Connection, *where: ColumnElement[bool]) -> AvatarOfSource | None:
    theirs = select(_ID, Avatar.state).where(*where)
    return first(AvatarOfSource, conn.execute(theirs.order_by(Avatar.created_at.desc()).limit(1)).first())


def place(conn: Connection, avatar_id: str, conversation_id: int) -> None:
    """Notes the group that the picture is of."""
    conn.execute(update(Avatar).where(Avatar.id == uuid.UUID(avatar_id)).values(conversation_id=conversation_id))


def find(conn: Connection, avatar_id: str) -> AvatarState | None:
    columns = Avatar.state, Avatar.picture
    return first(AvatarState, conn.execute(select(*columns).where(Avatar.id == uuid.UUID(avatar_id))).first())


def find_waiting(conn: Connection, avatar_id: str, lease_seconds: float) -> WaitingAvatar | None:
    """Returns a picture to process, and keeps it from the sweep for this long. None if it needs no work."""
    columns = _ID, Avatar.user_id, Avatar.source, Avatar.original, Avatar.failures
    this = Avatar.id == uuid.UUID(avatar_id), Avatar.state == "waiting"
    taken = update(Avatar).where(*this).values(sweep_at=func.now() + timedelta(seconds=lease_seconds))
    return first(WaitingAvatar, conn.execute(taken.returning(*columns)).first())


def mark_ready(conn: Connection, avatar_id: str, picture: bytes) -> None:
    due = func.now() + timedelta(seconds=UNUSED_SECONDS)
    done = update(Avatar).where(Avatar.id == uuid.UUID(avatar_id))
    conn.execute(done.values(state="ready", picture=picture, original=None, sweep_at=due))


def mark_failed(conn: Connection, avatar_id: str) -> list[int]:
    """Also removes the address from the user and the group that have it. Returns the user, if a user had it."""
    due = func.now() + timedelta(seconds=UNUSED_SECONDS)
    failed = update(Avatar).where(Avatar.id == uuid.UUID(avatar_id))
    conn.execute(failed.values(state="failed", original=None, sweep_at=due))
    return _take_failed(conn, [uuid.UUID(avatar_id)])


def _take_failed(conn: Connection, ids: Sequence[uuid.UUID]) -> list[int]:
    failed = Avatar.id.in_(ids), Avatar.state == "failed"
    of_user = Avatar.user_id == User.id, User.avatar_url == _ADDRESS
    taken = update(User).where(*failed, *of_user).values(avatar_url=None, changed_at=func.now())
    users = list(conn.execute(taken.returning(User.id)).scalars())
    if is_distributed(conn):
        _take_from_groups(conn, failed)
    else:
        of_group = Avatar.conversation_id == Conversation.id, Conversation.avatar_url == _ADDRESS
        conn.execute(update(Conversation).where(*failed, *of_group).values(avatar_url=None))
    return users


def _take_from_groups(conn: Connection, failed: Iterable[ColumnElement[bool]]) -> None:
    groups = select(Avatar.conversation_id, _ADDRESS).where(*failed, Avatar.conversation_id.is_not(None))
    for conversation, address in conn.execute(groups):
        has_it = Conversation.id == conversation, Conversation.avatar_url == address
        conn.execute(update(Conversation).where(*has_it).values(avatar_url=None))


def _used_by_groups(conn: Connection, ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns which of the pictures their groups show. For distributed conversations."""
    of_groups = Avatar.id.in_(ids), Avatar.conversation_id.is_not(None)
    found = {address: id_ for id_, address in conn.execute(select(Avatar.id, _ADDRESS).where(*of_groups))}
    groups = [group for group in conn.execute(select(Avatar.conversation_id).where(*of_groups)).scalars() if group]
    shown = select(Conversation.avatar_url).where(Conversation.id == any_of(groups))
    return [found[address] for address in conn.execute(shown).scalars() if address in found]


def retry_later(conn: Connection, avatar_id: str, seconds: float, *, failed: bool) -> None:
    """Lets the sweep retry the picture after ``seconds``. ``failed`` counts the attempt as a failure."""
    later = func.now() + timedelta(seconds=seconds)
    again = update(Avatar).where(Avatar.id == uuid.UUID(avatar_id))
    conn.execute(again.values(failures=Avatar.failures + int(failed), sweep_at=later))


def forget_of(conn: Connection, user_id: int) -> None:
    """Deletes the pictures of a user, but not those of groups."""
    conn.execute(delete(Avatar).where(Avatar.user_id == user_id, Avatar.conversation_id.is_(None)))


def due(conn: Connection, limit: int = 100) -> list[str]:
    """Returns pictures whose processing is overdue."""
    overdue = select(_ID).where(Avatar.sweep_at < func.now(), Avatar.state == "waiting").order_by(Avatar.sweep_at)
    return list(conn.execute(overdue.limit(limit)).scalars())


def forget_unused(conn: Connection, limit: int = 500) -> int:
    """Deletes unused pictures, among at most ``limit`` whose check is due. Returns the number of checked ones.

    A group can get the address of a picture that has failed already, if the change of the group is stored late.
    """
    checked = select(Avatar.id).where(Avatar.sweep_at < func.now(), Avatar.state != "waiting").limit(limit)
    ids = list(conn.execute(checked.with_for_update(skip_locked=True)).scalars())
    _take_failed(conn, ids)
    if is_distributed(conn):
        unused = ~_by_user().exists(), Avatar.id.not_in(_used_by_groups(conn, ids))
        conn.execute(delete(Avatar).where(Avatar.id.in_(ids), *unused))
    else:
        conn.execute(delete(Avatar).where(Avatar.id.in_(ids), ~_is_used()))
    later = func.now() + timedelta(seconds=USED_SECONDS)
    conn.execute(update(Avatar).where(Avatar.id.in_(ids)).values(sweep_at=later))
    return len(ids)


def _by_user() -> Select[int]:
    return select(User.id).where(User.id == Avatar.user_id, User.avatar_url == _ADDRESS)


def _is_used() -> ColumnElement[bool]:
    of_group = and_(Conversation.id == Avatar.conversation_id, Conversation.avatar_url == _ADDRESS)
    return or_(_by_user().exists(), select(Conversation.id).where(of_group).exists())


class Outside(Struct, frozen=True):
    id: int
    owner_id: int
    address: str


def outside_of_users(conn: Connection, limit: int = 100) -> list[Outside]:
    """Returns users whose avatar has an outside address, from before avatars were stored."""
    outside = _outside("users"), User.deleted_at.is_(None)
    return structs(Outside, conn.execute(select(User.id, User.id, User.avatar_url).where(*outside).limit(limit)))


def outside_of_groups(conn: Connection, limit: int = 100) -> list[Outside]:
    columns = Conversation.id, Conversation.created_by, Conversation.avatar_url
    outside = select(*columns).where(_outside("conversations"), Conversation.created_by.is_not(None))
    return structs(Outside, conn.execute(outside.limit(limit)))


def _outside(table: str) -> ColumnElement[bool]:
    """Not a parameter, because the planner uses a partial index only if it sees the condition."""
    return literal_column(f"{table}.avatar_url ^@ 'https://'", Boolean)


def replace_of_user(conn: Connection, was: Outside, address: str) -> None:
    has_it = User.id == was.id, User.avatar_url == was.address
    conn.execute(update(User).where(*has_it).values(avatar_url=address, changed_at=func.now()))


def replace_of_group(conn: Connection, was: Outside, address: str) -> None:
    has_it = Conversation.id == was.id, Conversation.avatar_url == was.address
    conn.execute(update(Conversation).where(*has_it).values(avatar_url=address))
