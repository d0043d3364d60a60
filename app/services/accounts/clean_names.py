"""Cleans names that were stored before invisible characters were refused: of users, groups and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import Connection, Engine

from app.core.filenames import clean_filename
from app.core.names import shown
from app.services.accounts.announce_profile import announce_profile_soon
from app.store import stored_names as store
from app.store.engine import reading, writing
from app.store.stored_names import StoredName

AT_ONCE = 1000

Pages = Callable[[Connection, Any, int], list[StoredName]]


class Cleaned(NamedTuple):
    users: int
    groups: int
    files: int


def clean_names(*, engine: Engine, redis: Redis) -> Cleaned:
    """Gives every name the form that it would get today, while the deployment runs. Safe to repeat, also after a
    failure. A user whose name shows nothing is called by the username; a group or file then has no name.

    Raises Overloaded if a store does not answer.
    """
    users, groups, files = 0, 0, 0
    for was in _names(engine, store.users_after, 0):
        name = shown(was.name) or str(was.instead)
        if name != was.name and _replaced(engine, store.replace_user_name, was, name):
            announce_profile_soon(redis, was.id)
            users += 1
    for was in _names(engine, store.groups_after, 0):
        group = shown(was.name) or None
        groups += group != was.name and _replaced(engine, store.replace_group_name, was, group)
    for was in _names(engine, store.files_after, store.FIRST_FILE):
        file = clean_filename(was.name)
        files += file != was.name and _replaced(engine, store.replace_file_name, was, file)
    return Cleaned(users, groups, files)


def _names(engine: Engine, pages: Pages, last: Any) -> Iterator[StoredName]:
    """Reads page by page, so that no transaction is open for long."""
    while True:
        with reading(engine) as conn:
            page = pages(conn, last, AT_ONCE)
        yield from page
        if len(page) < AT_ONCE:
            return
        last = str(page[-1].id) if not isinstance(page[-1].id, int) else page[-1].id


def _replaced(
    engine: Engine, replace: Callable[[Connection, StoredName, Any], bool], was: StoredName, name: Any
) -> bool:
    with writing(engine) as conn:
        return replace(conn, was, name)
