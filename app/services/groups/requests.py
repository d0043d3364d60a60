"""The user's answers to requests: to add them to a group, or to write to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.groups.change_group import join_group
from app.services.messaging.own_changes import admit
from app.services.messaging.prepared import Prepared
from app.services.reading.waiting_requests import WaitingRequests
from app.store import admissions
from app.store.engine import reading, writing


class Requests:
    """May block. All methods raise Overloaded if a store does not answer. All sessions of the user get the answer."""

    def __init__(self, *, engine: Engine, shards: Shards, waiting: WaitingRequests, max_members: int) -> None:
        self._engine = engine
        self._shards = shards
        self._waiting = waiting
        self._max_members = max_members

    def accept(self, user_id: int, conversation_id: int, carry_out: Callable[[Prepared], Any]) -> None:
        """Makes the user a member. Does nothing if the user has accepted before and is a member. Raises NotFound if
        there is no such request.
        """
        joining = self._is_joining(user_id, conversation_id)
        with reading(self._engine) as connection:
            found = admissions.waiting(connection, user_id, conversation_id)
            if not found and (joining or admissions.is_followed(connection, user_id, conversation_id)):
                return
        if not found or not self._waiting.may_still_add(found[0]):
            raise NotFound
        if found[0].kind == "direct":
            carry_out(admit(user_id, conversation_id))
            self._waiting.announce_end(user_id, conversation_id)
            return
        carry_out(join_group(user_id, conversation_id, max_members=self._max_members))
        self.joined(user_id, conversation_id)

    def _is_joining(self, user_id: int, conversation_id: int) -> bool:
        """Returns whether the user has become a member in the log, which is not stored yet."""
        with redis_errors_as_overloaded():
            change = read_tail(self._shards.of(conversation_id), [conversation_id]).change_of(user_id, conversation_id)
        return change is not None and user_id in change.joined

    def joined(self, user_id: int, conversation_id: int) -> None:
        """Ends the request of this group, if there is one: the user has joined by it or in another way."""
        with writing(self._engine) as connection:
            answered = admissions.answer(connection, user_id, conversation_id)
        if answered:
            self._waiting.announce_end(user_id, conversation_id)

    def refuse(self, user_id: int, conversation_id: int) -> None:
        """Refuses for good, and the sender is not notified. Raises NotFound if there is no such request."""
        with writing(self._engine) as connection:
            if not admissions.refuse(connection, user_id, conversation_id):
                raise NotFound
        self._waiting.announce_end(user_id, conversation_id)
