"""Suspended users, and those with a shadow suspension, as copies in the process: a check costs no round trip.

The copy works like that of ended auth sessions (revocation.py), with one difference: a suspension can be lifted. So a
load replaces the copy, and a user whose suspension ended is free everywhere after the next load.
"""

from __future__ import annotations

import msgspec

from app.core.kinds import Kind
from app.core.records import pack
from app.fanout.revocation import RevokedSessions
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded
from app.redis_publications import publish

NO_END = 4_102_444_800  # the year 2100, in unix seconds: until an administrator lifts the suspension


class SuspendedUsers(RevokedSessions):
    """Entries are user ids. ``end`` is when a suspension ends, in unix seconds."""

    keeps_entries = False

    def is_suspended(self, user_id: int) -> bool:
        """Returns whether the user is suspended. Raises Overloaded if that cannot be checked."""
        with redis_errors_as_overloaded():
            return str(user_id) in self

    def knows(self, user_id: int) -> bool:
        """Does the same with the copy in this process. Never blocks, for sweeps over all sessions."""
        return bool(self._until) and str(user_id) in self._until

    def suspend(self, user_id: int, end: int) -> None:
        """Refuses the user in every process. Raises Overloaded. Safe to repeat."""
        with redis_errors_as_overloaded():
            self.announce(str(user_id), end)
            self._publish(user_id, end)

    def lift(self, user_id: int) -> None:
        """Accepts the user again in every process. Raises Overloaded. Safe to repeat."""
        self.drop(str(user_id))
        with redis_errors_as_overloaded():
            self._redis.zrem(self._key, str(user_id))
            self._publish(user_id, 0)

    def _publish(self, user_id: int, end: int) -> None:
        publish(self._redis, keys.ALL, msgspec.msgpack.encode(["suspended", user_id, end]))

    def heard(self, user_id: int, end: int) -> None:
        """Takes over what another process has published."""
        if end:
            self.add(str(user_id), end)
        else:
            self.drop(str(user_id))


class ShadowedUsers(SuspendedUsers):
    """Users with a shadow suspension: nobody else sees what they do."""

    def _publish(self, user_id: int, end: int) -> None:
        publish(self._redis, keys.ALL, pack([0, [[False, [Kind.SHADOWED, user_id, end]]]]))
