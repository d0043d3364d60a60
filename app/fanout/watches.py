"""Registers in Redis which users the sessions of a gateway watch: only these gateways get changes of presence."""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis

from app.fanout.watchers import State
from app.message_log import keys
from app.redis_scripts import script

AT_ONCE = 1000  # users in one call, which occupies Redis for about a millisecond


def register_watches(redis: Redis, gateway: str, user_ids: Sequence[int]) -> dict[int, State]:
    """Returns the states of the users. Their later changes are published to the gateway. Raises RedisError."""
    watch = script(redis, "app.fanout", "watch")
    names = [keys.WATCHED, keys.gateway_watches(gateway), keys.FIRST.online, keys.SEEN]
    states: dict[int, State] = {}
    for first in range(0, len(user_ids), AT_ONCE):
        users = user_ids[first : first + AT_ONCE]
        places, seen = watch(keys=names, args=[gateway, *users])
        for user, place, moment in zip(users, places, seen, strict=True):
            states[user] = State(bool(place), int(moment) if moment else None)
    return states
