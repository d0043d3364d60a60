"""Requests that wait for a user's answer: as a list, as live events, and as the events of sessions that resume.

A lost announcement does no lasting harm, because sessions get the present state when they resume. A group whose shard
is away is shown as Postgres has it, because its requests must not keep a session of all shards from resuming.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from msgspec import structs, to_builtins
from redis import Redis
from sqlalchemy import Engine

from app.core.accounts import UserView
from app.core.errors import NotFound, Overloaded, ParleyError
from app.core.events import Event, request_event
from app.core.request_answers import GroupRequest, RequestNow
from app.core.times import rfc3339
from app.fanout.announcements import announce_request
from app.message_log.conversations import group_now
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.user_json import view_of
from app.store import admissions
from app.store.admissions import RequestedGroup, StoredRequest
from app.store.engine import reading
from app.store.sql import COMMIT_MARGIN_MS

log = logging.getLogger(__name__)

ADDERS = ("owner", "admin")


class WaitingRequests:
    """May block. Methods raise Overloaded if a store does not answer, except that announcements never raise."""

    def __init__(self, *, engine: Engine, redis: Redis, shards: Shards, conversations: ConversationCache) -> None:
        self._engine = engine
        self._redis, self._shards = redis, shards
        self._conversations = conversations

    def waiting(self, user_id: int) -> list[GroupRequest]:
        """Returns the requests that wait for the user's answer, newest first."""
        with reading(self._engine) as connection:
            found = admissions.waiting(connection, user_id)
        return self._views([request for request in found if self._still_waits(request)])

    def events_since(self, user_id: int, version: int) -> Sequence[Event]:
        """Returns ``request_updated`` for each request that was made or answered after this version of the stream, or
        shortly before it, so an event may come twice.
        """
        with reading(self._engine) as connection:
            changed = admissions.changed_since(connection, user_id, version // 1000 - COMMIT_MARGIN_MS)
        still = [request for request in changed if request.waiting and self._still_waits(request)]
        there = {view.conversation_id: view for view in self._views(still)}
        shown = [there.get(request.conversation_id, request.conversation_id) for request in reversed(changed)]
        return [request_event(_ended(one) if isinstance(one, int) else _begun(one)) for one in shown]

    def announce(self, conversation_id: int, user_ids: Sequence[int]) -> None:
        """Sends each of the users an event about their request of this conversation, if they have one."""
        try:
            with reading(self._engine) as connection:
                asked = admissions.asked(connection, conversation_id, user_ids)
            for view in self._views(list({request.from_id: request for request in asked.values()}.values())):
                receivers = [user for user, request in asked.items() if request.from_id == view.sender.id]
                announce_request(self._redis, _begun(view), receivers)
        except ParleyError as error:
            log.warning("a request was not announced: %s", error.code)

    def announce_end(self, user_id: int, conversation_id: int) -> None:
        """Sends the user an event that this request no longer waits."""
        try:
            announce_request(self._redis, _ended(conversation_id), [user_id])
        except ParleyError as error:
            log.warning("the end of a request was not announced: %s", error.code)

    def may_still_add(self, request: StoredRequest) -> bool:
        if request.kind == "direct":
            return True
        return self._conversations.role_of(request.conversation_id, request.from_id) in ADDERS

    def _still_waits(self, request: StoredRequest) -> bool:
        """Returns the same as ``may_still_add``, from Postgres if the shard is away."""
        try:
            return self.may_still_add(request)
        except Overloaded:
            return self._stored_group(request).role in ADDERS

    def _views(self, requests: Sequence[StoredRequest]) -> list[GroupRequest]:
        """Leaves out requests whose senders no longer exist."""
        if not requests:
            return []
        with reading(self._engine) as connection:
            senders = admissions.senders(connection, requests)
        return [
            self._view(request, view_of(senders[request.from_id], presence=False))
            for request in requests
            if request.from_id in senders
        ]

    def _view(self, request: StoredRequest, sender: UserView) -> GroupRequest:
        if request.kind == "direct":
            return _request_view(request, sender, sender.display_name, 2)
        try:
            name, member_count = self._group_now(request.conversation_id)
        except Overloaded:
            stored = self._stored_group(request)
            name, member_count = stored.name, stored.member_count
        return _request_view(request, sender, name, member_count)

    def _group_now(self, conversation_id: int) -> tuple[str, int]:
        self._conversations.hydrate(conversation_id)
        with redis_errors_as_overloaded():
            now = group_now(self._shards.of(conversation_id), conversation_id)
        if now is None:
            raise NotFound
        return now.info.get("name", ""), now.member_count

    def _stored_group(self, request: StoredRequest) -> RequestedGroup:
        with reading(self._engine) as connection:
            return admissions.group_of(connection, request)


def _request_view(request: StoredRequest, sender: UserView, name: str, member_count: int) -> GroupRequest:
    return GroupRequest(
        conversation_id=request.conversation_id,
        kind=request.kind,
        name=name,
        member_count=member_count,
        sender=sender,
        created_at=rfc3339(request.created_ms),
    )


def _begun(view: GroupRequest) -> dict[str, Any]:
    now: dict[str, Any] = to_builtins(RequestNow(waiting=True, **structs.asdict(view)))
    return now


def _ended(conversation_id: int) -> dict[str, Any]:
    now: dict[str, Any] = to_builtins(RequestNow(conversation_id=conversation_id, waiting=False))
    return now
