"""Invites: who may make them, and how somebody comes by one. May block; raise Overloaded where a store is away."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.errors import Forbidden, NotFound, ParleyError
from app.core.times import rfc3339
from app.message_log.conversations import group_now, role_of
from app.redis_calls import asking
from app.services.groups.change_group import join_group
from app.services.messaging.change_message import Prepared
from app.services.messaging.message_path import MessagePath
from app.store import invites
from app.store.engine import reading, writing
from app.store.invites import StoredInvite

View = dict[str, Any]
CODE_BYTES = 12  # 96 bits: not to be guessed, and short enough to be read out


def create_invite(
    path: MessagePath, user_id: int, conversation_id: int, expires_in: int | None, max_uses: int | None
) -> View:
    """``expires_in`` in seconds. Raise NotFound for a non-member, Forbidden for who is no admin of a group."""
    _check_admin(path, user_id, conversation_id)
    expires_at = datetime.now(UTC) + timedelta(seconds=expires_in) if expires_in is not None else None
    code = secrets.token_urlsafe(CODE_BYTES)
    with writing(path.engine) as connection:
        return _view(invites.add_invite(connection, code, conversation_id, user_id, expires_at, max_uses))


def list_invites(path: MessagePath, user_id: int, conversation_id: int) -> View:
    """``{invites}``: those that are still good. Raise as ``create_invite``."""
    _check_admin(path, user_id, conversation_id)
    with reading(path.engine) as connection:
        return {"invites": [_view(invite) for invite in invites.list_invites(connection, conversation_id)]}


def revoke_invite(path: MessagePath, user_id: int, conversation_id: int, code: str) -> None:
    """Raise as ``create_invite``; NotFound also where there is no such invite."""
    _check_admin(path, user_id, conversation_id)
    with writing(path.engine) as connection:
        if not invites.revoke_invite(connection, code, conversation_id):
            raise NotFound


def revoke_all_invites(path: MessagePath, user_id: int, conversation_id: int) -> None:
    """Raise as ``create_invite``; that there is none is no error."""
    _check_admin(path, user_id, conversation_id)
    with writing(path.engine) as connection:
        invites.revoke_all(connection, conversation_id)


def preview_invite(path: MessagePath, code: str) -> View:
    """The group's name and size, for whoever holds a code. Raise NotFound where it is not good."""
    with reading(path.engine) as connection:
        invite = invites.find_invite(connection, code)
    if invite is None:
        raise NotFound
    path.hydrate(invite.conversation_id)
    now = asking(lambda: group_now(path.redis, invite.conversation_id))
    if now is None:
        raise NotFound
    shown: View = {name: now.info[name] for name in ("name", "description", "avatarUrl") if name in now.info}
    return {"code": code, "conversationId": invite.conversation_id, **shown, "memberCount": now.member_count}


def accept_invite(path: MessagePath, user_id: int, code: str, carry_out: Callable[[Prepared], Any]) -> int:
    """Become a member; the conversation. Who is one already uses nothing up. Raise NotFound where it is not good."""
    with reading(path.engine) as connection:
        invite = invites.find_invite(connection, code)
    if invite is None:
        raise NotFound
    conversation_id = invite.conversation_id
    path.hydrate(conversation_id)
    if asking(lambda: role_of(path.redis, conversation_id, user_id)) is not None:
        return conversation_id
    with writing(path.engine) as connection:
        if invites.use_invite(connection, code) is None:
            raise NotFound
    try:
        carry_out(join_group(path, user_id, conversation_id))
    except ParleyError:
        with writing(path.engine) as connection:
            invites.give_back(connection, code)
        raise
    return conversation_id


def _check_admin(path: MessagePath, user_id: int, conversation_id: int) -> None:
    path.hydrate(conversation_id)
    role = asking(lambda: role_of(path.redis, conversation_id, user_id))
    if role is None:
        raise NotFound
    if role == "member" or path.directs.peer(conversation_id, user_id) is not None:
        raise Forbidden("Admins of a group invite to it.")


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
