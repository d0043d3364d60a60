"""Avatars get an address of ours at once. A worker fetches or reads the picture (process_avatar.py)."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from app.core.avatars import address_of, avatar_of
from app.core.errors import Invalid, RateLimited, UnsupportedMedia
from app.media.signatures import HEAD_BYTES
from app.media.sniff import sniff
from app.store import avatars as store
from app.store.engine import reading, writing
from app.task_queue import enqueue_avatar


def stored_address(
    conn: Connection, user_id: int | None, given: str, *, conversation_id: int | None = None, unlimited: bool = False
) -> tuple[str, str | None]:
    """Returns the address that viewers get for ``given``, and the id of a new picture to enqueue after the commit.

    ``user_id`` is None for a picture that the host gave to a group. Raises Invalid for an unknown picture of ours,
    RateLimited if the user has stored too many pictures today, unless ``unlimited``.
    """
    own = avatar_of(given)
    if own is not None:
        if not store.exists(conn, own):
            raise Invalid.field("avatarUrl", "there is no such picture")
        return given, None
    if user_id is not None and not unlimited:
        check_room(conn, user_id)
    avatar_id = store.add(conn, user_id, source=given, conversation_id=conversation_id)
    return address_of(avatar_id), avatar_id


def known_address(
    conn: Connection, user_id: int, source: str, *, unlimited: bool = False
) -> tuple[str | None, str | None]:
    """Does the same for an outside address that hosts send again and again. A picture that was fetched from it for this
    user before is not fetched again. Returns no address if fetching it failed for good.
    """
    fetched = store.find_fetched(conn, user_id, source)
    if fetched is None:
        return stored_address(conn, user_id, source, unlimited=unlimited)
    return (None if fetched.state == "failed" else address_of(fetched.id)), None


def check_room(conn: Connection, user_id: int) -> None:
    """Raises RateLimited if the user has stored too many pictures. Unused ones are deleted within hours."""
    if not store.has_room(conn, user_id):
        raise RateLimited("You have stored too many pictures.", retry_after=store.UNUSED_SECONDS)


def adopt_address(user_id: int, given: str, *, engine: Engine, conversation_id: int | None = None) -> str:
    """Returns the address that viewers get for ``given``, as ``stored_address`` does, and has it fetched."""
    with writing(engine) as conn:
        address, avatar_id = stored_address(conn, user_id, given, conversation_id=conversation_id)
    if avatar_id is not None:
        enqueue_avatar(avatar_id)
    return address


def place_avatar(address: str, conversation_id: int, *, engine: Engine) -> None:
    """Notes the group that a picture of ours is of, so that it is kept while the group has it."""
    avatar_id = avatar_of(address)
    if avatar_id is not None:
        with writing(engine) as conn:
            store.place(conn, avatar_id, conversation_id)


def add_upload(user_id: int, original: bytes, *, engine: Engine, conversation_id: int | None = None) -> str:
    """Stores an uploaded picture and has it processed. Returns its id. Raises UnsupportedMedia if it is no image,
    RateLimited.
    """
    if sniff(original[:HEAD_BYTES], "").kind != "image":
        raise UnsupportedMedia("The file is not an image.")
    with writing(engine) as conn:
        check_room(conn, user_id)
        avatar_id = store.add(conn, user_id, original=original, conversation_id=conversation_id)
    enqueue_avatar(avatar_id)
    return avatar_id


def adopt_outside(*, engine: Engine) -> list[str]:
    """Gives one of our addresses to users and groups whose avatar has an outside address. Returns the pictures to
    process.
    """
    with writing(engine) as conn:
        made = []
        for was in store.outside_of_users(conn):
            made.append(store.add(conn, was.owner_id, source=was.address))
            store.replace_of_user(conn, was, address_of(made[-1]))
        for was in store.outside_of_groups(conn):
            made.append(store.add(conn, was.owner_id, source=was.address, conversation_id=was.id))
            store.replace_of_group(conn, was, address_of(made[-1]))
    return made


def read_picture(avatar_id: str, *, engine: Engine) -> tuple[str, bytes | None]:
    """Returns the state of a picture, and its bytes once it is ready. It is "gone" if there is no such picture."""
    with reading(engine) as conn:
        found = store.find(conn, avatar_id)
    return ("gone", None) if found is None else (found.state, found.picture)
