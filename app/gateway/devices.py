"""Registers in Redis which devices of users are in use at this gateway, for push notifications."""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError

from app.coalescer import RunBlocking
from app.fanout.devices import device_connected, device_disconnected

log = logging.getLogger(__name__)


class DeviceRegistry:
    """While Redis is unreachable, devices count as not in use."""

    def __init__(self, *, redis: Redis, gateway_id: str, run_blocking: RunBlocking) -> None:
        self._redis = redis
        self._gateway_id = gateway_id
        self._run_blocking = run_blocking

    def connected(self, user_id: int, device_id: str) -> None:
        """May block."""
        try:
            device_connected(self._redis, self._gateway_id, user_id, device_id)
        except RedisError as error:
            log.warning("a device in use was not registered: %s", type(error).__name__)

    def disconnected(self, user_id: int, device_id: str) -> None:
        """Never blocks."""
        self._run_blocking(lambda: self._unregister(user_id, device_id))

    def _unregister(self, user_id: int, device_id: str) -> None:
        try:
            device_disconnected(self._redis, self._gateway_id, user_id, device_id)
        except RedisError as error:
            log.warning("a device stays registered as in use: %s", type(error).__name__)
