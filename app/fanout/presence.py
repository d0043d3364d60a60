"""The gateways where users are online: a registry in Redis, changed in batches and kept alive by heartbeats."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from redis import Redis

from app.core.errors import RateLimited
from app.core.records import pack, unpack
from app.fanout.milestones import CONSTANTS
from app.message_log import keys
from app.message_log.shards import Shard
from app.redis_calls import EpochLostError
from app.redis_scripts import script, source

log = logging.getLogger(__name__)

Operation = Any

HEARTBEAT_SECONDS = 3.0
DEAD_AFTER_SECONDS = 10.0  # users of a crashed gateway are offline after at most 10 + 3 s

ONLINE, OFFLINE = 1, 0
MINUTE_US = 60_000_000


class PresenceChanges:
    """Calls presence.lua.

    Operations are ``(ONLINE, user, known)``, ``(ONLINE, user, known, 1)`` if a session joins, and ``(OFFLINE, user,
    last_seen_ms)``. ``known`` is 1 if an older session of the user may be here. A result is ``(version, changed)``:
    this gateway gets every record after ``version`` from now on. If there are several shards, a session that joins may
    get a milestone as its ``version``. If Redis had forgotten a known user, the notice FORGOTTEN comes before those
    records. So do notices for the rosters of this gateway.

    A user may join ``joins_per_minute`` times, at all gateways together, and as often in one burst; 0 is no limit. Any
    further join results in RateLimited and changes nothing.
    """

    def __init__(
        self, shard: Shard, gateway: str, *, saw_epoch: Callable[[int], None], joins_per_minute: int = 0
    ) -> None:
        buckets = source("app.message_log", "token_bucket")
        self._script = script(
            shard.redis,
            "app.fanout",
            "presence",
            after="watches announce counts milestones",
            constants=CONSTANTS + buckets,
        )
        self._gateway = gateway
        self._saw_epoch = saw_epoch
        self._bucket = (MINUTE_US // joins_per_minute if joins_per_minute else 0, joins_per_minute)
        self._is_first = int(not shard.part.number)
        self._prefix = shard.keys.prefix
        all_gateways, seen, fed, fed_presence, _ = _once(shard, gateway)
        self._keys = [
            shard.keys.epoch,
            shard.keys.version,
            shard.keys.online,
            shard.keys.gateway_users(gateway),
            all_gateways,
            seen,
            shard.keys.places,
            shard.keys.gateway_channel(gateway),
            fed,
            fed_presence,
            *([shard.keys.milestone] if shard.part.total > 1 else []),
        ]

    def __call__(self, operations: list[Operation]) -> list[Any]:
        settings = (self._prefix, *self._bucket, self._is_first)
        answer = unpack(self._script(keys=self._keys, args=[self._gateway, pack(operations), *settings]))
        if answer[0] is False:
            raise EpochLostError
        epoch, version, results = answer
        self._saw_epoch(epoch)
        return [
            (version, bool(result)) if result >= 0 else RateLimited(retry_after=math.ceil(-result / 1_000_000))
            for result in results
        ]


class Beat(NamedTuple):
    """The state of Redis: its epoch or None, and how many users are registered at this gateway and watched by it."""

    epoch: int | None
    users: int
    watched: int


def send_heartbeat(shard: Shard, gateway: str, released: Sequence[int] = ()) -> Beat:
    """Sends one heartbeat, ends the watches of ``released``, and removes dead gateways."""
    all_gateways, seen, fed, fed_presence, watches = _once(shard, gateway)
    answer = unpack(
        script(shard.redis, "app.fanout", "beat", after="watches announce counts")(
            keys=[
                shard.keys.epoch,
                shard.keys.gateways,
                shard.keys.online,
                all_gateways,
                shard.keys.gateway_users(gateway),
                seen,
                shard.keys.places,
                fed,
                fed_presence,
                watches,
            ],
            args=[
                shard.keys.prefix,
                gateway,
                int(DEAD_AFTER_SECONDS * 1000),
                pack(released),
                int(not shard.part.number),
            ],
        )
    )
    return Beat(answer[0] or None, *answer[1:])


def _once(shard: Shard, gateway: str) -> tuple[str, str, str, str, str]:
    """Returns the names of keys that only the first shard has. The scripts of the other shards get names in their own
    slot, and do not use them.
    """
    if shard.part.number:
        unused = f"{shard.keys.prefix}unused"
        return unused, unused, unused, unused, unused
    return keys.ALL, keys.SEEN, keys.FED, keys.FED_PRESENCE, keys.gateway_watches(gateway)


def ask_for_rosters(shard: Shard, gateway: str) -> bool:
    """Has Redis publish all rosters of this gateway to its channel. Returns False if Redis has no epoch."""
    names = [
        shard.keys.epoch,
        shard.keys.gateway_users(gateway),
        shard.keys.gateway_channel(gateway),
        shard.keys.places,
    ]
    return bool(script(shard.redis, "app.fanout", "rosters", after="counts")(keys=names, args=[shard.keys.prefix]))


def sign_off(shard: Shard, gateway: str) -> None:
    """Removes this gateway and its watches, so that nobody waits for its heartbeat to expire."""
    script(shard.redis, "app.fanout", "sign_off", after="watches")(
        keys=[shard.keys.gateways], args=[shard.keys.prefix, gateway]
    )


def online_among(redis: Redis, user_ids: Sequence[int]) -> list[int]:
    """Returns which of the users have a session at any gateway."""
    if not user_ids:
        return []
    where = redis.hmget(keys.FIRST.online, list(user_ids))
    return [user for user, place in zip(user_ids, where, strict=True) if place]


def online(redis: Redis, user_ids: Iterable[int]) -> dict[int, tuple[bool, int | None]]:
    """Returns user -> (online, last seen in ms, or None if it is in Postgres already)."""
    ids = list(user_ids)
    if not ids:
        return {}
    where = redis.hmget(keys.FIRST.online, ids)
    seen = redis.hmget(keys.SEEN, ids)
    return {
        user: (bool(place), int(moment) if moment else None)
        for user, place, moment in zip(ids, where, seen, strict=True)
    }
