"""Connections to the primary that Sentinels name.

Each connect asks the Sentinels and then the server itself: during a failover, a Sentinel may still name a server that
is a replica already. If a server refuses writes, because it has become a replica or lost its replicas, its connections
are closed, so that the next command looks the primary up again.
"""

from __future__ import annotations

import threading
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.redis_addresses import SentinelAddress
from app.redis_primary import Place, PrimaryConnection, WrongAddressError


class SentinelPrimary:
    """Finds the address of the primary through the Sentinels. Threads and greenlets may share it."""

    def __init__(self, address: SentinelAddress, *, verify: bool = True) -> None:
        self._address = address
        options: dict[str, Any] = address.sentinel_options(verify=verify)
        self._sentinels = [
            redis.Redis(host, port, retry=Retry(NoBackoff(), 0), decode_responses=True, **options)
            for host, port in address.sentinels
        ]
        self._order = threading.Lock()
        self.found: Place | None = None  # the newest answer

    def find(self) -> Place:
        """Returns host and port. Raises WrongAddressError if no Sentinel knows the service, and ConnectionError if one
        did not answer either.
        """
        failures: list[str] = []
        for sentinel in list(self._sentinels):
            try:
                found: Any = sentinel.sentinel_get_master_addr_by_name(self._address.service)
            except redis.RedisError as error:
                failures.append("" if _is_no_sentinel(error) else str(error) or type(error).__name__)
                self.doubt(sentinel)
                continue
            if found:
                self.found = place = str(found[0]), int(found[1])
                return place
        raise self._not_found(failures)

    def _not_found(self, failures: list[str]) -> redis.ConnectionError:
        hosts, service = self._address.hosts, self._address.service
        unreachable = [failure for failure in failures if failure]
        if unreachable:
            return redis.ConnectionError(f"no Sentinel at {hosts} returned a primary for {service!r}: {unreachable[0]}")
        if len(failures) == len(self._sentinels):
            return WrongAddressError(f"there is a Redis server at {hosts}, not a Sentinel; use redis:// for it")
        return WrongAddressError(f"the Sentinels at {hosts} have no service named {service!r}")

    def doubt(self, sentinel: redis.Redis | None = None) -> None:
        """Asks another Sentinel first the next time: this one, or the first, does not answer or is not up to date."""
        with self._order:
            doubted = sentinel or self._sentinels[0]
            self._sentinels.remove(doubted)
            self._sentinels.append(doubted)


def _is_no_sentinel(error: redis.RedisError) -> bool:
    return isinstance(error, redis.ResponseError) and "unknown command" in str(error).lower()


class SentinelConnection(PrimaryConnection):
    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health=check_health)
        self.send_command("HELLO", check_health=False)  # type: ignore[no-untyped-call]
        role = hello_of(super().read_response()).get("role")
        if role != "master":
            self._primary.doubt()
            raise redis.ConnectionError(f"{self.host}:{self.port} is a {role}, not the primary")


class SentinelTlsConnection(SentinelConnection, redis.SSLConnection):
    pass


def hello_of(answer: Any) -> dict[str, str]:
    """Returns a server's texts about itself (``role``, ``mode``): HELLO answers with a map or, in RESP2, a list."""
    pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
    texts = ((_text(name), _text(value)) for name, value in pairs)
    return {name: value for name, value in texts if name and value}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else ""
