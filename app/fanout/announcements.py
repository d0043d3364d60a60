"""Notifies all gateways of changes to the data that they cache about a user. These records have no conversation.

Every function raises Overloaded if Redis does not answer, and is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from redis import Redis

from app.core.kinds import Kind
from app.core.metadata import with_metadata_as_text
from app.core.records import pack
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded
from app.redis_publications import publish

# User ids in one publication, about 40 KB.
MAX_RECIPIENTS = 5000


def announce_block(redis: Redis, one: int, other: int) -> None:
    """Ends the presence watches between two users, because one has blocked the other."""
    _announce(redis, [Kind.BLOCKED, one, other])


def announce_hidden(redis: Redis, user_id: int) -> None:
    """Stops sending this user's presence to watching sessions. Those that may see it must subscribe again."""
    _announce(redis, [Kind.LAST_SEEN_HIDDEN, user_id])


def announce_user(redis: Redis, user_id: int, view: dict[str, object], users: Sequence[int], *, presence: bool) -> None:
    """Sends ``user_updated`` to the sessions of ``users``, and to those sessions that watch the user and may see the
    user's presence, or (``presence`` false) may not.
    """
    for first in range(0, max(len(users), 1), MAX_RECIPIENTS):
        some = list(users[first : first + MAX_RECIPIENTS])
        watchers = None if first else presence
        _announce(redis, [Kind.USER_UPDATED, user_id, with_metadata_as_text(view), watchers], some)


def announce_request(redis: Redis, view: dict[str, object], users: Sequence[int]) -> None:
    """Sends ``request_updated`` to all sessions of these users."""
    for first in range(0, len(users), MAX_RECIPIENTS):
        _announce(redis, [Kind.REQUESTED, view], list(users[first : first + MAX_RECIPIENTS]))


def announce_account_deleted(redis: Redis, sid: str, user_id: int) -> None:
    """Closes all sessions of this user. ``sid`` is the entry that revokes their tokens (revocation.all_sessions_of)."""
    _announce(redis, [Kind.REVOKED, sid, user_id])


def announce_log_out(redis: Redis, sid: str) -> None:
    """Closes the connections of this auth session."""
    with redis_errors_as_overloaded():
        publish(redis, keys.ALL, msgspec.msgpack.encode(["revoked", sid]))


def _announce(redis: Redis, record: list[object], users: list[int] | Literal[False] = False) -> None:
    """Publishes under epoch 0: the record belongs to no history, so a gateway takes no epoch from it."""
    with redis_errors_as_overloaded():
        publish(redis, keys.ALL, pack([0, [[users, record]]]))
