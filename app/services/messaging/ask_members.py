"""Whether users are members of a conversation, as Redis has it. One look serves all who ask at the same time."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis

from app.core.errors import NotFound, Overloaded, ParleyError
from app.message_log.conversations import members_of
from app.redis_calls import asking

Checked = Callable[[ParleyError | None], None]
Question = tuple[int, Checked]


class MemberQuestions:
    """Not thread-safe; never blocks. ``later`` runs what may block in a greenlet of its own."""

    def __init__(self, redis: Redis, later: Callable[[Callable[[], None]], None]) -> None:
        self._redis = redis
        self._later = later
        self._waiting: dict[int, list[Question]] = {}

    def ask(self, conversation_id: int, user_id: int, checked: Checked) -> None:
        """``checked(None)`` for a member; NotFound for anybody else, Overloaded where Redis cannot tell."""
        waiting = self._waiting.get(conversation_id)
        if waiting is not None:
            waiting.append((user_id, checked))
            return
        self._waiting[conversation_id] = [(user_id, checked)]
        self._later(lambda: self._look(conversation_id))

    def _look(self, conversation_id: int) -> None:
        # Who asks from here on may have come or gone since: they are looked for anew.
        questions = self._waiting.pop(conversation_id)
        members: frozenset[int] | None = None
        failure: ParleyError = Overloaded(retry_after=0.1)
        try:
            members = asking(lambda: members_of(self._redis, conversation_id))
        except Overloaded as error:
            failure = error
        for user_id, checked in questions:
            if members is None:
                checked(failure)
            else:
                checked(None if user_id in members else NotFound())
