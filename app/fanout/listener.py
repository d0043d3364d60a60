"""The process's one subscription to Redis, which feeds the hub. All sessions share it.

Pub/sub delivers at most once: records that are published while the subscription is broken are lost. So after every new
subscription, each local session catches up from the tail and from Postgres, and then continues live.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
import msgspec
from redis import Redis
from redis.exceptions import ConnectionError, RedisError

from app.core.kinds import LOGGED, Kind
from app.core.records import unpack
from app.message_log import keys
from app.message_log.shards import Shard
from app.redis_one_connection import PLAIN
from app.redis_publications import pushes_of, subscribe

log = logging.getLogger(__name__)

# If nothing comes for this long, the listener pings Redis; if nothing comes for as long again, it subscribes again. It
# looks at the end of each such time, so a lost connection is found after two to three of them.
QUIET_SECONDS = 3.5


class Listener:
    def __init__(
        self,
        shard: Shard,
        gateway: str,
        *,
        dispatch: Callable[[int, list[Any]], None],
        compare: Callable[[Redis], object],
        saw_epoch: Callable[[int], None],
        saw_version: Callable[[int, int], None],
        revoked: Callable[[str], None],
        suspended: Callable[[int, int], None] = lambda _user_id, _end: None,
        resubscribed: Callable[[], None],
    ) -> None:
        self._shard = shard
        of_all = () if shard.part.number else (keys.ALL, keys.WATCHING)  # what belongs to no shard comes once
        self._channels = (shard.keys.gateway_channel(gateway), shard.keys.rosters, *of_all)
        self._dispatch = dispatch
        self._compare = compare
        self._saw_epoch = saw_epoch
        self._saw_version = saw_version
        self._revoked = revoked
        self._suspended = suspended
        self._resubscribed = resubscribed
        self._greenlet: gevent.Greenlet | None = None
        self._is_quiet = False  # nothing has come since this was set
        self.subscribed = gevent.event.Event()
        self.subscriptions = 0
        self.is_failing = False  # the last attempt to subscribe failed, or the subscription was lost

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        pause = 0.05
        while True:
            try:
                self._listen()
                pause = 0.05
            except RedisError as error:
                log.warning("lost the subscription (%s); subscribing again", type(error).__name__)
            except Exception:
                log.exception("the listener failed; subscribing again")
            self.subscribed.clear()
            self.is_failing = True
            gevent.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 1.0)

    def _listen(self) -> None:
        pubsub = subscribe(self._shard.redis, *self._channels)
        try:
            connection = pubsub.connection
            for _ in self._channels:
                connection.read_response(timeout=QUIET_SECONDS, push_request=True)
            self._compare(self._shard.redis)  # before anything that this subscription brings is seen
            self.subscriptions += 1
            self.subscribed.set()
            self.is_failing = False
            self._resubscribed()
            self._take_all(connection)
        finally:
            pubsub.close()

    def _take_all(self, connection: Any) -> None:
        """Takes messages until the connection is lost. Raises RedisError then.

        It reads without a timeout, and from redis-py's parser: a timer for each message and the preparations for error
        messages took a tenth of a gateway's calls at 200 messages/s.
        """
        connection._sock.settimeout(None)
        message, ended = pushes_of(self._shard.redis)
        read = partial(connection.read_response, push_request=True)
        if connection.__class__ in PLAIN:
            read = connection._parser.read_response
        watcher = gevent.spawn(self._watch, connection)
        try:
            while True:
                response = read()
                self._is_quiet = False
                if response[0] == message:
                    self._take(response[1], response[2])
                elif response[0] == ended:
                    raise ConnectionError("Redis ended the subscription: the slot has moved to another node")
        except OSError as error:
            raise ConnectionError("the connection was closed") from error
        finally:
            watcher.kill()

    def _watch(self, connection: Any) -> None:
        """Pings Redis through a quiet connection, and closes it if no answer comes. The read then fails."""
        with suppress(RedisError):  # the read fails as well
            while True:
                if self._stays_quiet():
                    connection.send_command("PING", check_health=False)
                    if self._stays_quiet():
                        connection.disconnect()
                        return

    def _stays_quiet(self) -> bool:
        self._is_quiet = True
        gevent.sleep(QUIET_SECONDS)
        return self._is_quiet

    def _take(self, channel: bytes, payload: bytes) -> None:
        try:
            message = unpack(payload)
        except msgspec.DecodeError:
            log.error("dropped a message on %s that is not MessagePack", channel.decode())
            return
        if message[0] == "revoked":
            self._dispatch(0, [[False, [Kind.REVOKED, message[1]]]])
            return
        if message[0] == "suspended":
            self._suspended(message[1], message[2])
            return
        epoch, items = message
        if epoch:
            self._saw_epoch(epoch)
            self._saw_version(epoch, _last_version(items))
        self._dispatch(epoch, items)


def _last_version(items: list[Any]) -> int:
    """Returns the version of the last record, which is the greatest; 0 if it is not one of the log."""
    record: list[Any] = items[-1][1] if items else []
    return int(record[3]) if len(record) > 3 and record[0] in LOGGED else 0
