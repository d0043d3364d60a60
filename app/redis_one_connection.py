"""A client of Redis on one connection, for one loop that calls Redis often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
from hiredis import pack_command

# Connections that do nothing more with an answer than redis-py does.
PLAIN = (redis.Connection, redis.SSLConnection, redis.UnixDomainSocketConnection)


class OneConnection(redis.Redis):
    """A client on one connection, for one loop that calls Redis often.

    A pool polls the socket (a system call) before it lends a connection, and redis-py wraps each command in support
    for retries, locks and telemetry. Together they cost a tenth of a gateway's work per message. Do not share this
    client between threads or greenlets.
    """

    connected: Callable[[OneConnection], object] | None = None

    def call_on_connect(self, act: Callable[[OneConnection], object]) -> None:
        """Calls ``act`` now and after every new connect, before anything else is sent. If it raises, the connection is
        closed, and so is not used.
        """
        self.connected = act
        connection = self.connection
        if connection is None:
            raise redis.ConnectionError("closed")
        connection.register_connect_callback(self._on_connect)  # type: ignore[no-untyped-call]
        if connection.is_connected:
            self._on_connect(connection)

    def _on_connect(self, connection: Any) -> None:
        try:
            if self.connected is not None:
                self.connected(self)
        except BaseException:
            connection.disconnect()
            raise

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Raises RedisError if Redis is unreachable; the next call connects again."""
        options.pop("keys", None)  # for a cache that we do not use
        answer = self.call(*args[0].split(), *args[1:])
        parsers: Any = self.response_callbacks
        parse = parsers.get(args[0])
        return answer if parse is None else parse(answer, **options)

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        return self.call("EVALSHA", sha, numkeys, *keys_and_args)

    def call(self, *args: str | int | float | bytes) -> Any:
        """Sends a command, each word of which is an argument, and returns the plain answer of Redis."""
        connection: Any = self.connection
        if connection is None:
            raise redis.ConnectionError("closed")
        connection.send_packed_command((pack_command(args),))  # type: ignore[arg-type] # its stub names one argument
        if connection.__class__ in PLAIN:
            return _read_answer(connection)
        return connection.read_response()


def _read_answer(connection: Any) -> Any:
    """Does what ``read_response`` of a plain connection does, without the preparations for its error messages."""
    try:
        answer = connection._parser.read_response()
    except TimeoutError:
        connection.disconnect()
        raise redis.TimeoutError("Redis did not answer in time.") from None
    except OSError as error:
        connection.disconnect()
        raise redis.ConnectionError(f"The connection to Redis was lost: {error}") from error
    except BaseException:
        connection.disconnect()
        raise
    connection.next_health_check = time.monotonic() + connection.health_check_interval
    if isinstance(answer, redis.ResponseError):
        raise answer
    return answer
