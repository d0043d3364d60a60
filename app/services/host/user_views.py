"""Shows users to the host's server, and finds them by the host's ids."""

from __future__ import annotations

from msgspec import UNSET, structs
from sqlalchemy import Connection, Engine

from app.core.accounts import SuspensionView
from app.core.errors import NotFound
from app.core.host_users import ServerUser, checked_external_id
from app.core.times import rfc3339
from app.services.reading.user_json import view_of
from app.store.engine import reading
from app.store.host_users import StoredHostUser, find_host_users, user_ids_of
from app.store.suspensions import Suspension


def view_for_host(stored: StoredHostUser) -> ServerUser:
    user = stored.user
    return ServerUser(
        **structs.asdict(view_of(user)),
        created_at=rfc3339(stored.created_ms),
        email=UNSET if stored.email is None else stored.email,
        locale=UNSET if user.locale is None else user.locale,
        suspension=UNSET if stored.suspension is None else _suspension(stored.suspension),
    )


def _suspension(stored: Suspension) -> SuspensionView:
    return SuspensionView(**stored.facts(), shadow=True if stored.shadow else UNSET)


def show_host_user(external_id: str, *, engine: Engine) -> ServerUser:
    """Raises NotFound if there is no such user, Invalid for an id that cannot exist."""
    with reading(engine) as conn:
        return view_for_host(require_host_user(conn, external_id))


def require_host_user(conn: Connection, external_id: str) -> StoredHostUser:
    """Returns the user with this external id. Raises as ``show_host_user``."""
    found = find_host_users(conn, [checked_external_id(external_id)]).get(external_id)
    if found is None:
        raise NotFound("No such user.")
    return found


def user_id_of(external_id: str, *, engine: Engine) -> int:
    """Returns Parley's id of the user. Raises as ``show_host_user``."""
    with reading(engine) as conn:
        found = user_ids_of(conn, [checked_external_id(external_id)])
    if external_id not in found:
        raise NotFound("No such user.")
    return found[external_id]
