"""Invites to groups: creates and shows codes, checks the right to do so, and lets users join with a code."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from app.core.errors import Forbidden, NotFound, ParleyError
from app.core.times import rfc3339
from app.message_log.conversations import group_now
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.groups.change_group import join_group
from app.services.messaging.prepared import Prepared
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.store import invites as store
from app.store.engine import reading, writing
from app.store.invites import StoredInvite

View = dict[str, Any]
CODE_BYTES = 12  # 96 bits: nobody can guess them, and they are short enough to read out


class Invites:
    """May block. All methods raise Overloaded if a store does not answer.

    Methods that take a ``user_id`` and a ``conversation_id`` raise NotFound for a non-member, and Forbidden for a
    member who is not an admin of a group.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        conversations: ConversationCache,
        directs: DirectCache,
        max_members: int,
        check_joining: Callable[[int, int], None],
        joined: Callable[[int, int], None],
    ) -> None:
        """``joined`` is called with each user who has joined, and the conversation."""
        self._engine = engine
        self._shards = shards
        self._conversations = conversations
        self._directs = directs
        self._max_members = max_members
        self._check_joining = check_joining
        self._joined = joined

    def create(self, user_id: int, conversation_id: int, expires_in: int | None, max_uses: int | None) -> View:
        """``expires_in`` is in seconds."""
        self._check_admin(user_id, conversation_id)
        expires_at = datetime.now(UTC) + timedelta(seconds=expires_in) if expires_in is not None else None
        code = secrets.token_urlsafe(CODE_BYTES)
        with writing(self._engine) as connection:
            return _view(store.add_invite(connection, code, conversation_id, user_id, expires_at, max_uses))

    def list(self, user_id: int, conversation_id: int) -> View:
        """Returns ``{invites}``: those that are still valid."""
        self._check_admin(user_id, conversation_id)
        with reading(self._engine) as connection:
            return {"invites": [_view(invite) for invite in store.list_invites(connection, conversation_id)]}

    def revoke(self, user_id: int, conversation_id: int, code: str) -> None:
        """Also raises NotFound for an unknown invite."""
        self._check_admin(user_id, conversation_id)
        with writing(self._engine) as connection:
            if not store.revoke_invite(connection, code, conversation_id):
                raise NotFound

    def revoke_all(self, user_id: int, conversation_id: int) -> None:
        """Revoking without any invite is not an error."""
        self._check_admin(user_id, conversation_id)
        with writing(self._engine) as connection:
            store.revoke_all(connection, conversation_id)

    def preview(self, code: str) -> View:
        """Returns the group's name and size. Raises NotFound for an invite that is not valid."""
        conversation_id = self._find(code).conversation_id
        self._conversations.hydrate(conversation_id)
        with redis_errors_as_overloaded():
            now = group_now(self._shards.of(conversation_id), conversation_id)
        if now is None:
            raise NotFound
        shown: View = {name: now.info[name] for name in ("name", "description", "avatarUrl") if name in now.info}
        return {"code": code, "conversationId": conversation_id, **shown, "memberCount": now.member_count}

    def accept(self, user_id: int, code: str, carry_out: Callable[[Prepared], Any]) -> int:
        """Makes the user a member and returns the conversation's id. A user who is a member already does not use the
        invite up. Raises NotFound for an invite that is not valid, Forbidden if the host's policy does not allow it.
        """
        conversation_id = self._find(code).conversation_id
        if self._conversations.role_of(conversation_id, user_id) is not None:
            return conversation_id
        self._check_joining(user_id, conversation_id)
        with writing(self._engine) as connection:
            if store.use_invite(connection, code) is None:
                raise NotFound
        try:
            carry_out(join_group(user_id, conversation_id, max_members=self._max_members))
        except ParleyError:
            with writing(self._engine) as connection:
                store.give_back(connection, code)
            raise
        self._joined(user_id, conversation_id)
        return conversation_id

    def _find(self, code: str) -> StoredInvite:
        with reading(self._engine) as connection:
            invite = store.find_invite(connection, code)
        if invite is None:
            raise NotFound
        return invite

    def _check_admin(self, user_id: int, conversation_id: int) -> None:
        role = self._conversations.role_of(conversation_id, user_id)
        if role is None:
            raise NotFound
        if role == "member" or self._directs.peer(conversation_id, user_id) is not None:
            raise Forbidden("Only admins of a group can manage its invites.")


def _view(invite: StoredInvite) -> View:
    view: View = {
        "code": invite.code,
        "conversationId": invite.conversation_id,
        "createdBy": invite.created_by,
        "createdAt": rfc3339(invite.created_ms),
        "uses": invite.uses,
    }
    if invite.expires_ms is not None:
        view["expiresAt"] = rfc3339(invite.expires_ms)
    if invite.max_uses is not None:
        view["maxUses"] = invite.max_uses
    return view
