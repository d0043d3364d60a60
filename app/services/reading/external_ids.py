"""Users by the ids that the host gave to them, for clients: a string in place of a user id is such an id."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.core.host_users import external_ids_in
from app.store.engine import reading
from app.store.host_users import user_ids_of


def find_user_ids(given: Sequence[int | str], *, engine: Engine) -> dict[str, int]:
    """Returns external id -> user id of the users that exist. May block. Raises Overloaded."""
    names = external_ids_in(given)
    if not names:
        return {}
    with reading(engine) as conn:
        return user_ids_of(conn, names)


def resolve_user_ids(given: Sequence[int | str], *, engine: Engine) -> list[int]:
    """Returns the user ids in this order, each once. Raises NotFound for an unknown external id."""
    found = find_user_ids(given, engine=engine)
    ids = [found.get(user) if isinstance(user, str) else user for user in given]
    if None in ids:
        raise NotFound("No such user.")
    return list(dict.fromkeys(user for user in ids if user is not None))


def resolve_user_id(given: int | str, *, engine: Engine) -> int:
    return resolve_user_ids([given], engine=engine)[0]
