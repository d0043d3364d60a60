"""Blocks one user for another. The blocked user is not notified; to them, the other user looks offline."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis
from sqlalchemy import Engine

from app.core.accounts import UserList
from app.core.errors import Invalid, NotFound
from app.fanout.announcements import announce_block
from app.message_log.conversations import set_blockers
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.user_json import view_of
from app.services.reading.waiting_requests import WaitingRequests
from app.store import blocks as store
from app.store.admissions import unanswered_of
from app.store.direct_pairs import blockers, find_direct
from app.store.engine import reading, writing

TRIES = 5

Hydrate = Callable[[int], None]


class Blocks:
    """``hydrate`` loads a conversation from Postgres into Redis. All methods raise Overloaded if a store is away."""

    def __init__(
        self, *, engine: Engine, redis: Redis, shards: Shards, requests: WaitingRequests, hydrate: Hydrate
    ) -> None:
        self._engine = engine
        self._redis, self._shards = redis, shards
        self._requests = requests
        self._hydrate = hydrate

    def block(self, user_id: int, blocked_id: int) -> None:
        """Safe to repeat. Raises Invalid if both ids are the same, NotFound if there is no user ``blocked_id``."""
        if blocked_id == user_id:
            raise Invalid.field("userId", "you cannot block yourself")
        with writing(self._engine) as connection:
            if not store.block(connection, user_id, blocked_id):
                raise NotFound("No such user.")
            requests = unanswered_of(connection, user_id, blocked_id)
        self._copy_to_redis(user_id, blocked_id)
        announce_block(self._redis, user_id, blocked_id)
        for request in requests:
            self._requests.announce_end(user_id, request.conversation_id)

    def unblock(self, user_id: int, blocked_id: int) -> None:
        """Safe to repeat, and for a user who was never blocked."""
        with writing(self._engine) as connection:
            store.unblock(connection, user_id, blocked_id)
            requests = unanswered_of(connection, user_id, blocked_id)
        self._copy_to_redis(user_id, blocked_id)
        for request in requests:
            self._requests.announce(request.conversation_id, [user_id])

    def blocked_by(self, user_id: int) -> UserList:
        """Returns the users whom this user has blocked, newest block first."""
        with reading(self._engine) as connection:
            blocked = store.blocked_by(connection, user_id)
        return UserList([view_of(user, presence=False) for user in blocked])

    def _copy_to_redis(self, one: int, other: int) -> None:
        """Makes Redis agree with Postgres about who can write in the direct conversation of the two.

        A gateway that loads the conversation at this moment may have read Postgres too early. So if the conversation is
        not in Redis, it is loaded here first, after which no other load has an effect. If several calls run at once,
        the last writer reads Postgres again after its write and corrects it.
        """
        with reading(self._engine) as connection:
            conversation_id = find_direct(connection, one, other)
            if conversation_id is None:
                return
            written = blockers(connection, conversation_id, one, other)
        for _ in range(TRIES):
            self._set_blockers(conversation_id, written)
            with reading(self._engine) as connection:
                current = blockers(connection, conversation_id, one, other)
            if current == written:
                return
            written = current

    def _set_blockers(self, conversation_id: int, unable: list[int]) -> None:
        with redis_errors_as_overloaded():
            was_set = set_blockers(self._shards.of(conversation_id), conversation_id, unable)
        if not was_set:
            self._hydrate(conversation_id)
            with redis_errors_as_overloaded():
                set_blockers(self._shards.of(conversation_id), conversation_id, unable)
