"""The subscription of the in-memory twin of Valkey. Waiting yields to other greenlets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gevent.queue import Empty, Queue
from redis.exceptions import ConnectionError, TimeoutError

if TYPE_CHECKING:
    from tests.twins.memory_redis import MemoryRedis


class MemoryPubSub:
    """``connection`` is the object itself: it reads responses and sends PING, as redis-py's connection does."""

    def __init__(self, redis: MemoryRedis) -> None:
        self._redis = redis
        self._responses: Queue[Any] = Queue()
        self._channels: set[bytes] = set()
        self._cut = False
        self.pings = 0

    @property
    def connection(self) -> MemoryPubSub:
        return self

    def subscribe(self, *channels: str) -> None:
        self._redis.called("subscribe")
        for channel in channels:
            self._channels.add(channel.encode())
            self._responses.put([b"subscribe", channel.encode(), len(self._channels)])
        self._redis.subscribers.append(self)

    def deliver(self, channel: bytes, message: bytes) -> bool:
        if channel not in self._channels:
            return False
        self._responses.put([b"message", channel, message])
        return True

    def send_command(self, name: str, *, check_health: bool) -> None:
        self.pings += 1
        if not self._redis.down:
            self._responses.put([b"pong", b""])

    @property
    def _sock(self) -> MemoryPubSub:
        return self

    def settimeout(self, _timeout: None) -> None:
        """Reads wait as long as it takes."""

    def read_response(
        self, timeout: float | None = None, *, push_request: bool = False, disconnect_on_error: bool = True
    ) -> Any:
        if self._cut:
            raise ConnectionError("the twin was cut")
        try:
            response = self._responses.get(block=timeout != 0, timeout=timeout)
        except Empty:
            raise TimeoutError("no response") from None
        if response is None:
            raise ConnectionError("the twin was cut")
        return response

    def disconnect(self) -> None:
        self.cut()

    def is_empty(self) -> bool:
        return self._responses.empty()

    def cut(self) -> None:
        self._cut = True
        self.close()
        self._responses.put(None)

    def close(self) -> None:
        self._channels.clear()
        if self in self._redis.subscribers:
            self._redis.subscribers.remove(self)
