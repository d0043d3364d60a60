"""Turns the host's references to users and conversations into Parley's ids. A string is an external id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from app.core.errors import NotFound
from app.core.host_users import checked_external_id, external_ids_in
from app.store.engine import reading
from app.store.host_conversations import (
    HostConversation,
    conversation_ids_of,
    existing_conversations,
    existing_users,
    find_by_external_id,
    find_by_id,
)
from app.store.host_users import user_ids_of


def resolve_users(conn: Connection, given: Sequence[str | int], field: str = "members[{}]") -> list[int]:
    """Returns the user ids in this order. Raises Invalid and NotFound, which name the wrong field: ``field``, with the
    user's index in place of ``{}``.
    """
    found = look_up(conn, given, [])
    return [found.user(user, field.format(n)) for n, user in enumerate(given)]


def resolve_user(conn: Connection, given: str | int, field: str) -> int:
    return resolve_users(conn, [given], field)[0]


def require_conversation(conn: Connection, given: str | int, field: str = "externalId") -> HostConversation:
    """Raises NotFound, and Invalid for an external id that cannot exist."""
    if isinstance(given, int):
        found = find_by_id(conn, given)
    else:
        found = find_by_external_id(conn, checked_external_id(given, field))
    if found is None:
        raise NotFound("No such conversation.", errors=[{"field": field, "message": "no such conversation"}])
    return found


def conversation_of(given: str | int, *, engine: Engine) -> HostConversation:
    with reading(engine) as conn:
        return require_conversation(conn, given)


class Lookup(NamedTuple):
    """References that were looked up together."""

    users: Mapping[str | int, int]
    conversations: Mapping[str | int, int]

    def user(self, given: str | int, field: str) -> int:
        """Raises Invalid, NotFound."""
        return _found(self.users, given, field, "no such user")

    def conversation(self, given: str | int) -> int:
        """Raises Invalid, NotFound."""
        return _found(self.conversations, given, "conversation", "no such conversation")


def look_up(conn: Connection, users: Sequence[str | int], conversations: Sequence[str | int]) -> Lookup:
    """Looks up all of them at once. Those that do not exist are missing from the result."""
    found_users = _same(existing_users(conn, _ids(users)))
    found_users.update(user_ids_of(conn, external_ids_in(users)))
    found = _same(existing_conversations(conn, _ids(conversations)))
    found.update(conversation_ids_of(conn, external_ids_in(conversations)))
    return Lookup(found_users, found)


def _ids(given: Sequence[str | int]) -> list[int]:
    return list({one for one in given if isinstance(one, int)})


def _same(ids: set[int]) -> dict[str | int, int]:
    return {one: one for one in ids}


def _found(known: Mapping[str | int, int], given: str | int, field: str, message: str) -> int:
    if isinstance(given, str):
        checked_external_id(given, field)
    if given not in known:
        raise NotFound(f"{field}: {message}", errors=[{"field": field, "message": message}])
    return known[given]
