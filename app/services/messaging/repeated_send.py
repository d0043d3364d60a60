"""Finds the first send of a message that is refused: a repetition is acked, no matter what has changed since. For
example, a file that it names may be deleted by now, or the host's policy or hook may decide differently.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sqlalchemy import Engine

from app.core.commands import SendMessage
from app.core.errors import NotFound, Overloaded
from app.message_log.conversations import read_mark
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.messaging.send_checks import find_stored_ids
from app.services.reading.external_ids import resolve_user_id
from app.store.direct_pairs import find_direct
from app.store.engine import reading


class Repeated(Protocol):
    """A send. If ``conversation_id`` is 0, the command has a receiver."""

    id: str
    user_id: int
    conversation_id: int
    command: SendMessage


class FirstSend(NamedTuple):
    conversation_id: int
    seq: int
    version: int
    sent_ms: int
    stored: bool


class RepeatedSends:
    """Both stores are read, because the first send may not be in Postgres yet. May block."""

    def __init__(self, *, engine: Engine, shards: Shards) -> None:
        self._engine = engine
        self._shards = shards

    def find(self, repeated: Repeated) -> FirstSend | None:
        """Returns the user's message of this id, or None. Ignores a store that does not answer."""
        user_id, id_ = repeated.user_id, repeated.id
        try:
            place = repeated.conversation_id or self._direct(user_id, repeated.command.receiver_id or 0)
        except (NotFound, Overloaded):
            return None
        if not place:
            return None
        return self._stored(user_id, place, id_) or self._accepted(user_id, place, id_)

    def _direct(self, user_id: int, receiver_id: int | str) -> int:
        other = resolve_user_id(receiver_id, engine=self._engine)
        with reading(self._engine) as conn:
            return find_direct(conn, user_id, other) or 0

    def _stored(self, user_id: int, conversation_id: int, id_: str) -> FirstSend | None:
        try:
            [found] = find_stored_ids([(conversation_id, id_)], engine=self._engine)
        except Overloaded:
            return None
        if found is None or found.sender_id != user_id:
            return None
        return FirstSend(conversation_id, found.seq, found.version, found.sent_ms, stored=True)

    def _accepted(self, user_id: int, conversation_id: int, id_: str) -> FirstSend | None:
        try:
            with redis_errors_as_overloaded():
                found = read_mark(self._shards.of(conversation_id), conversation_id, id_)
        except Overloaded:
            return None
        if found is None or found.sender_id != user_id:
            return None
        return FirstSend(conversation_id, found.seq, found.version, found.sent_ms, stored=False)
