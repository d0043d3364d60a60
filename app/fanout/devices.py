"""The devices that users are using now, if their sessions named one. Only push notifications need this."""

from __future__ import annotations

from collections.abc import Iterable

from redis import Redis

from app.message_log import keys

# Longer than a session lasts. A gateway that died leaves its fields behind until then; ``in_use`` ignores them.
EXPIRY_SECONDS = 7 * 86_400


def device_connected(redis: Redis, gateway: str, user_id: int, device_id: str) -> None:
    """Counts a session of this device. Raises RedisError."""
    key = keys.devices(user_id)
    with redis.pipeline(transaction=False) as pipe:
        pipe.hincrby(key, _field(gateway, device_id), 1)
        pipe.expire(key, EXPIRY_SECONDS)
        pipe.execute()


def device_disconnected(redis: Redis, gateway: str, user_id: int, device_id: str) -> None:
    """Uncounts a session of this device. Raises RedisError."""
    key, field = keys.devices(user_id), _field(gateway, device_id)
    if redis.hincrby(key, field, -1) <= 0:
        redis.hdel(key, field)


def in_use(redis: Redis, user_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Returns (user, device id) of all devices with a session at a live gateway. Raises RedisError."""
    ids = list(user_ids)
    if not ids:
        return []
    with redis.pipeline(transaction=False) as pipe:
        pipe.hmget(keys.FIRST.online, ids)
        for user_id in ids:
            pipe.hkeys(keys.devices(user_id))
        places, *fields = pipe.execute()
    return [
        (user_id, device)
        for user_id, place, found in zip(ids, places, fields, strict=True)
        for gateway, device in (field.decode().split(" ", 1) for field in found)
        if gateway in (place or b"").decode().split()
    ]


def _field(gateway: str, device_id: str) -> str:
    return f"{gateway} {device_id}"
