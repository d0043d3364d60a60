"""Creates and changes conversations for the host's server. Groups change through the log, as when members change them,
but no role is needed. Safe to repeat, even for several servers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from app.core.avatars import address_of, avatar_of
from app.core.errors import Conflict, Invalid, Overloaded
from app.core.groups import logged_info, logged_metadata
from app.core.host_conversations import HostConversationPatch, HostMember, members_of
from app.core.host_users import checked_external_id
from app.core.records import HOST
from app.message_log.conversations import EVERYBODY, group_now
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.accounts.avatars import stored_address
from app.services.groups.change_group import add_admitted, announce_group, change_info, give_role, remove_members
from app.services.host.open_direct import open_direct_for_host
from app.services.host.references import resolve_users
from app.services.messaging.prepared import Prepared
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.store import avatars
from app.store import host_conversations as store
from app.store.engine import reading, writing
from app.store.host_conversations import HostConversation
from app.task_queue import enqueue_avatar

# Fields that only groups have, and their columns.
_COLUMNS = {
    "name": "name",
    "description": "description",
    "avatarUrl": "avatar_url",
    "history": "history",
    "readOnly": "read_only",
}
TRIES = 3


class Put(NamedTuple):
    """``stored``: Postgres confirmed all changes in time."""

    conversation_id: int
    created: bool
    stored: bool


class ConversationWriter:
    """``carry_out`` waits for a change of the log, and returns None if it is not confirmed in time. May block. All
    methods raise Invalid, NotFound, Conflict and Overloaded.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        conversations: ConversationCache,
        directs: DirectCache,
        max_members: int,
        carry_out: Callable[[Prepared], Any],
    ) -> None:
        self._engine = engine
        self._shards = shards
        self._conversations = conversations
        self._directs = directs
        self._max_members = max_members
        self._carry_out = carry_out

    def put(self, external_id: str, wanted: HostConversationPatch) -> Put:
        """Creates the conversation, or changes the given fields and adds the members."""
        checked_external_id(external_id)
        for _ in range(TRIES):
            with reading(self._engine) as conn:
                found = store.find_by_external_id(conn, external_id)
            if found is not None:
                return self.change(found, wanted)
            if wanted.kind is UNSET:
                raise Invalid.field("kind", "is required for a new conversation")
            make = self._open_direct if wanted.kind == "direct" else self._create_group
            made = make(external_id, wanted)
            if made is not None:
                return made
        raise Overloaded("Another request is creating and deleting this conversation.")

    def change(self, found: HostConversation, wanted: HostConversationPatch) -> Put:
        if wanted.kind not in (UNSET, found.kind):
            raise Conflict(f"The kind of this conversation is {found.kind}.")
        members = members_of(wanted.members)
        if found.kind == "direct":
            check_direct_fields(wanted)
            if members and set(self._two(members)) != set(self._present(found.id)):
                raise Conflict("The members of a direct conversation cannot change.")
            self._set_metadata(found.id, wanted)
            return Put(found.id, created=False, stored=True)
        changes = self._info(wanted, found)
        stored = self.add(found, members)
        if changes:
            stored = self._carry_out(change_info(HOST, found.id, changes)) is not None and stored
        return Put(found.id, created=False, stored=stored)

    def add(self, found: HostConversation, members: Sequence[HostMember]) -> bool:
        """Adds the users who are not members, and gives the named roles. Returns whether all changes are stored."""
        _require_group(found)
        roles = self._roles(members)
        if not roles:
            return True
        present = self._present(found.id)
        new = [user for user in roles if user not in present]
        changes = [add_admitted(HOST, found.id, new, max_members=self._max_members)] if new else []
        for user, role in roles.items():
            if role is not None and role != present.get(user, "member"):
                changes.append(give_role(HOST, found.id, user, role))
        answers = [self._carry_out(change) for change in changes]
        return None not in answers

    def remove(self, found: HostConversation, user_ids: Iterable[int]) -> bool:
        """Removes the users who are members. Returns whether the change is stored."""
        _require_group(found)
        present = self._present(found.id)
        gone = [user for user in user_ids if user in present]
        return not gone or self._carry_out(remove_members(HOST, found.id, gone)) is not None

    def remove_all(self, found: HostConversation) -> bool:
        return self.remove(found, self._present(found.id))

    def _create_group(self, external_id: str, wanted: HostConversationPatch) -> Put | None:
        members = members_of(wanted.members)
        roles = self._roles(members)
        if len(roles) > self._max_members:
            raise Invalid.field("members", f"a group has at most {self._max_members} members")
        logged = self._info(wanted, None)
        info = {column: logged[name] for name, column in _COLUMNS.items() if logged.get(name)}
        if wanted.metadata:
            info["metadata"] = wanted.metadata
        picture = avatar_of(info.get("avatar_url"))
        rows = [(user, role or "member") for user, role in roles.items()]
        with writing(self._engine) as conn:
            made = store.create_host_group(conn, external_id, info, rows)
            if made is not None and picture is not None:
                avatars.place(conn, picture, made)
        if made is None:
            return None
        return Put(made, created=True, stored=self._carry_out(announce_group(HOST, made)) is not None)

    def _open_direct(self, external_id: str, wanted: HostConversationPatch) -> Put | None:
        check_direct_fields(wanted)
        one, other = self._two(members_of(wanted.members))
        opened = open_direct_for_host(one, other, engine=self._engine, directs=self._directs, carry_out=self._carry_out)
        try:
            with writing(self._engine) as conn:
                if not store.name_direct(conn, opened, external_id):
                    raise Conflict("The direct conversation of these users has another external id.")
        except IntegrityError:
            return None
        self._set_metadata(opened, wanted)
        return Put(opened, created=True, stored=True)

    def _set_metadata(self, conversation_id: int, wanted: HostConversationPatch) -> None:
        """Sets the metadata of a direct conversation, which nobody else changes."""
        if not isinstance(wanted.metadata, UnsetType):
            with writing(self._engine) as conn:
                store.set_metadata(conn, conversation_id, wanted.metadata)

    def _two(self, members: Sequence[HostMember]) -> tuple[int, int]:
        """Returns the two members of a direct conversation."""
        users = list(self._roles(members))
        if len(users) != 2 or any(member.role is not None for member in members):
            raise Invalid.field("members", "a direct conversation has exactly two members, without roles")
        return users[0], users[1]

    def _roles(self, members: Sequence[HostMember]) -> dict[int, str | None]:
        """Returns user id -> role, if one is given."""
        if not members:
            return {}
        with reading(self._engine) as conn:
            users = resolve_users(conn, [member.user for member in members])
        roles: dict[int, str | None] = {}
        for user, member in zip(users, members, strict=True):
            roles[user] = member.role or roles.get(user)
        return roles

    def _present(self, conversation_id: int) -> dict[int, str]:
        """Returns user id -> role of the present members."""
        self._conversations.hydrate(conversation_id)
        with redis_errors_as_overloaded():
            now = group_now(self._shards.of(conversation_id), conversation_id, EVERYBODY)
        if now is None:
            raise Overloaded
        return {user: role for user, role, _, _ in now.members or ()}

    def _info(self, wanted: HostConversationPatch, found: HostConversation | None) -> dict[str, Any]:
        """Returns the given fields in the form of the log, with the address of the picture that viewers get."""
        return logged_info(replace(wanted, avatar_url=self._picture(wanted.avatar_url, found)))

    def _picture(self, given: str | UnsetType | None, found: HostConversation | None) -> str | UnsetType | None:
        """Returns the address that viewers get. The same outside address is not fetched again."""
        if not isinstance(given, str):
            return given
        present = None if found is None else avatar_of(found.avatar_url)
        with writing(self._engine) as conn:
            if present is not None and avatars.was_fetched_from(conn, present, given):
                return address_of(present)
            conversation_id = None if found is None else found.id
            address, new = stored_address(conn, None, given, conversation_id=conversation_id)
        if new is not None:
            enqueue_avatar(new)
        return address


def _require_group(found: HostConversation) -> None:
    if found.kind == "direct":
        raise Conflict("The members of a direct conversation cannot change.")


def check_direct_fields(wanted: HostConversationPatch) -> None:
    """Raises Invalid for a field that only groups have, and Invalid or TooLarge for the metadata."""
    for name, column in _COLUMNS.items():
        if getattr(wanted, column) is not UNSET:
            raise Invalid.field(name, "only groups have this")
    logged_metadata(wanted.metadata)
