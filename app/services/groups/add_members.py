"""Adds users to a group if they allow it. The others get a request, or nothing if they have blocked the adder.

The adder cannot tell a block from a refused request: both look as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.core.kinds import Kind
from app.message_log.shards import Shards
from app.message_log.tails import Tail, read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.groups.change_group import add_admitted
from app.services.messaging.prepared import Prepared
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.waiting_requests import WaitingRequests
from app.store import admissions
from app.store.admissions import Admission
from app.store.engine import reading, writing


class MemberAdder:
    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        conversations: ConversationCache,
        requests: WaitingRequests,
        max_members: int,
    ) -> None:
        self._engine = engine
        self._shards = shards
        self._conversations = conversations
        self._requests = requests
        self._max_members = max_members

    def prepare(self, user_id: int, conversation_id: int, user_ids: Sequence[int]) -> Prepared:
        """Returns the change that adds those whom the user may add at once. May block. Raises NotFound for an unknown
        user or conversation, Overloaded.
        """
        may_ask = self._conversations.role_of(conversation_id, user_id) in ("owner", "admin")
        with redis_errors_as_overloaded():
            tail = read_tail(self._shards.of(conversation_id), [conversation_id])
        with writing(self._engine) if may_ask else reading(self._engine) as connection:
            admission = admissions.decide(connection, user_id, user_ids, conversation_id)
            if len(admission.known) < len(user_ids):
                raise NotFound("No such user.")
            admission = _without(admission, left_by_themselves(tail, conversation_id))
            asked = admissions.ask(connection, conversation_id, user_id, admission.asked) if may_ask else []
        if asked:
            self._requests.announce(conversation_id, asked)
        return add_admitted(user_id, conversation_id, admission.admitted, max_members=self._max_members)


def left_by_themselves(tail: Tail, conversation_id: int) -> set[int]:
    """Returns the users who left the group by themselves, and whose leaving is not stored yet."""
    authors = {r.version: r.user_id for r in tail.records if r.kind == Kind.GROUP_CHANGED}
    found: set[int] = set()
    for change in tail.memberships:
        if change.conversation_id == conversation_id:
            found -= set(change.joined)
            found |= {user for user in change.left if authors.get(change.version) == user}
    return found


def _without(admission: Admission, left: set[int]) -> Admission:
    admitted = [user for user in admission.admitted if user not in left]
    asked = admission.asked + [user for user in admission.admitted if user in left]
    return Admission(admission.known, admitted, asked)
