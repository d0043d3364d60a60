"""Creates and changes users for the host's server. Safe to repeat, even for several servers at once."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET, UnsetType
from redis import Redis
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict
from app.core.host_users import HostUser, ServerUser, username_for
from app.services.accounts.announce_profile import announce_profile_soon
from app.services.accounts.avatars import known_address
from app.services.accounts.known_email import set_known_email
from app.services.audit.record import record_for_each
from app.services.host.checked_user import CheckedUser, checked_user, checked_users, errors_in_user
from app.services.host.user_views import view_for_host
from app.store import external_users, host_users, users
from app.store.engine import writing
from app.store.host_events import add_user_events
from app.store.host_users import NewHostUser, StoredHostUser
from app.task_queue import enqueue_avatar

TAKEN = "This username is taken."


class Upserted(NamedTuple):
    user: ServerUser
    created: bool


class _AfterCommit:
    """Collects the work for after the commit: pictures to fetch, and users to announce. ``created`` are external
    ids.
    """

    def __init__(self) -> None:
        self.created: set[str] = set()
        self.avatars: list[str] = []
        self.announced: list[int] = []


class UserUpserts:
    """``presence_visible`` is the setting of new users. All methods raise Overloaded if Postgres does not answer."""

    def __init__(self, *, engine: Engine, redis: Redis, presence_visible: str) -> None:
        self._engine = engine
        self._redis = redis
        self._presence_visible = presence_visible

    def upsert(self, wanted: HostUser, *, server_key: str) -> Upserted:
        """Creates the user, or changes the given fields. Raises Invalid, and Conflict if the user name is taken."""
        after = _AfterCommit()
        [user] = self._write([checked_user(wanted)], after, server_key, is_batch=False)
        return Upserted(user, wanted.external_id in after.created)

    def upsert_many(self, wanted: list[HostUser], *, server_key: str) -> list[ServerUser]:
        """Does the same for all users or for none, in one transaction. Returns them in this order."""
        return self._write(checked_users(wanted), _AfterCommit(), server_key, is_batch=True)

    def _write(
        self, checked: list[CheckedUser], after: _AfterCommit, server_key: str, *, is_batch: bool
    ) -> list[ServerUser]:
        ids = [user.external_id for user in checked]
        try:
            with writing(self._engine) as conn:
                found = host_users.lock_host_users(conn, ids)
                # All servers write in the order of the ids, so that no two wait for each other.
                ordered = sorted(enumerate(checked), key=lambda one: one[1].external_id)
                found |= self._create(conn, [user for _, user in ordered if user.external_id not in found], after)
                self._note_new(conn, found, after, server_key)
                for n, user in ordered:
                    with errors_in_user(n if is_batch else None):
                        self._write_one(conn, user, found.get(user.external_id), after, server_key)
                stored = host_users.find_host_users(conn, ids)
                self._feed(conn, stored, after)
        except IntegrityError as error:  # another transaction took a user name first
            raise Conflict(TAKEN) from error
        for avatar_id in after.avatars:
            enqueue_avatar(avatar_id)
        for user_id in after.announced:
            announce_profile_soon(self._redis, user_id)
        return [view_for_host(stored[id_]) for id_ in ids]

    @staticmethod
    def _feed(conn: Connection, stored: dict[str, StoredHostUser], after: _AfterCommit) -> None:
        created = [one.user.id for id_, one in stored.items() if id_ in after.created]
        for type_, ids in (("user.created", created), ("user.updated", after.announced)):
            if ids:
                add_user_events(conn, type_, ids)

    def _write_one(
        self, conn: Connection, user: CheckedUser, found: StoredHostUser | None, after: _AfterCommit, server_key: str
    ) -> None:
        if found is None:
            found = self._create_after_all(conn, user, after, server_key)
        user_id = found.user.id
        is_shown = self._change(conn, user, found, after, server_key)
        if is_shown and user.external_id not in after.created:
            after.announced.append(user_id)

    def _create(
        self, conn: Connection, wanted: list[CheckedUser], after: _AfterCommit, *, attempt: int = 0
    ) -> dict[str, StoredHostUser]:
        """Returns the created users. A user is missing if the name is taken, or if another server was first."""
        new = [_new_user(user, attempt) for user in wanted]
        made = host_users.insert_host_users(conn, new, last_seen_visible=self._presence_visible)
        after.created |= made.keys()
        return made

    def _create_after_all(
        self, conn: Connection, user: CheckedUser, after: _AfterCommit, server_key: str
    ) -> StoredHostUser:
        """Returns the user whom another server has just created, or creates them with another name. Raises Conflict if
        the host wants a name that is taken.
        """
        found = host_users.lock_host_users(conn, [user.external_id])
        if not found and not isinstance(user.username, str):
            found = self._create(conn, [user], after, attempt=1)
            self._note_new(conn, found, after, server_key)
        if not found:
            raise _taken()
        return found[user.external_id]

    @staticmethod
    def _note_new(conn: Connection, found: dict[str, StoredHostUser], after: _AfterCommit, server_key: str) -> None:
        new = [stored.user.id for id_, stored in found.items() if id_ in after.created]
        if new:
            record_for_each(conn, "account.created", new, serverKey=server_key)
            external_users.note_host_write(conn, *new)

    def _change(
        self, conn: Connection, user: CheckedUser, found: StoredHostUser, after: _AfterCommit, server_key: str
    ) -> bool:
        """Writes the fields that differ. Returns whether other users see a change."""
        was = found.user
        changes = users.differing(
            was,
            display_name=user.display_name,
            locale=user.locale,
            metadata=None if user.metadata == {} else user.metadata,
            avatar_url=self._avatar(conn, user, was.id, after),
        )
        if changes:
            users.update_profile(conn, was.id, **changes)
        if isinstance(user.username, str) and user.username != was.username:
            if host_users.is_username_taken(conn, user.username):
                raise _taken()
            host_users.set_username(conn, was.id, user.username)
        has_other_email = user.email not in (UNSET, found.email)
        if has_other_email:
            set_known_email(conn, was.id, None if user.email is UNSET else user.email, serverKey=server_key)
        if changes or has_other_email:
            external_users.note_host_write(conn, was.id)
        return not users.SHOWN.isdisjoint(changes)

    @staticmethod
    def _avatar(conn: Connection, user: CheckedUser, user_id: int, after: _AfterCommit) -> str | UnsetType | None:
        """Returns the address that viewers get."""
        if not isinstance(user.avatar_url, str):
            return user.avatar_url
        address, new = known_address(conn, user_id, user.avatar_url, unlimited=True)
        if new is not None:
            after.avatars.append(new)
        return address


def _new_user(user: CheckedUser, attempt: int) -> NewHostUser:
    """A user without a name from the host gets one that is always allowed and hardly ever taken."""
    name = user.username
    if not isinstance(name, str):
        name = username_for(user.external_id, attempt)
    email = user.email if isinstance(user.email, str) else None
    locale = user.locale if isinstance(user.locale, str) else None
    return NewHostUser(user.external_id, name, user.first_name(name), email, locale)


def _taken() -> Conflict:
    return Conflict(TAKEN, errors=[{"field": "username", "message": TAKEN}])
