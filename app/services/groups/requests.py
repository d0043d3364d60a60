"""Requests to add a user to a group, or to write to them: the user accepts or refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.core.accounts import UserView
from app.core.answers import GroupRequest
from app.core.errors import NotFound
from app.core.times import rfc3339
from app.message_log.conversations import group_now
from app.redis_calls import redis_errors_as_overloaded
from app.services.groups.change_group import join_group
from app.services.messaging.change_message import Prepared, admit
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.user_json import view_of
from app.store import admissions
from app.store.admissions import WaitingRequest
from app.store.engine import reading, writing


class Requests:
    """May block. All methods raise Overloaded if a store does not answer."""

    def __init__(self, *, engine: Engine, redis: Redis, conversations: ConversationCache, max_members: int) -> None:
        self._engine = engine
        self._redis = redis
        self._conversations = conversations
        self._max_members = max_members

    def waiting(self, user_id: int) -> list[GroupRequest]:
        """Returns the requests that wait for the user's answer, newest first."""
        with reading(self._engine) as connection:
            found = admissions.waiting(connection, user_id)
            senders = admissions.senders(connection, found)
        return [
            self._view(request, view_of(senders[request.from_id], last_seen=False))
            for request in found
            if request.from_id in senders and self._may_still_add(request)
        ]

    def accept(self, user_id: int, conversation_id: int, carry_out: Callable[[Prepared], Any]) -> None:
        """Makes the user a member. Raises NotFound if no such request waits."""
        with reading(self._engine) as connection:
            found = admissions.waiting(connection, user_id, conversation_id)
        if not found or not self._may_still_add(found[0]):
            raise NotFound
        if found[0].kind == "direct":
            carry_out(admit(user_id, conversation_id))
            return
        carry_out(join_group(user_id, conversation_id, max_members=self._max_members))
        with writing(self._engine) as connection:
            admissions.delete_request(connection, user_id, conversation_id)

    def refuse(self, user_id: int, conversation_id: int) -> None:
        """Refuses for good, and nobody is notified. Raises NotFound if there is no such request."""
        with writing(self._engine) as connection:
            if not admissions.refuse(connection, user_id, conversation_id):
                raise NotFound

    def _may_still_add(self, request: WaitingRequest) -> bool:
        if request.kind == "direct":
            return True
        return self._conversations.role_of(request.conversation_id, request.from_id) in ("owner", "admin")

    def _view(self, request: WaitingRequest, sender: UserView) -> GroupRequest:
        if request.kind == "direct":
            return _request_view(request, sender, sender.display_name, 2)
        self._conversations.hydrate(request.conversation_id)
        with redis_errors_as_overloaded():
            now = group_now(self._redis, request.conversation_id)
        if now is None:
            raise NotFound
        return _request_view(request, sender, now.info.get("name", ""), now.member_count)


def _request_view(request: WaitingRequest, sender: UserView, name: str, member_count: int) -> GroupRequest:
    return GroupRequest(
        conversation_id=request.conversation_id,
        kind=request.kind,
        name=name,
        member_count=member_count,
        sender=sender,
        created_at=rfc3339(request.created_ms),
    )
