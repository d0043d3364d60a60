"""From Redis to the hub: one subscription a process, whatever the number of sessions.

Pub/sub delivers at most once. Where the subscription breaks, what was published meanwhile is gone; so after every new
subscription each local session is brought up to date from the tail and from Postgres, and goes on live from there.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import gevent
import msgspec
from redis import Redis
from redis.exceptions import RedisError, TimeoutError

from app.core.records import Kind, unpack
from app.message_log import keys

log = logging.getLogger(__name__)

# With nothing to read for so long the subscription is asked for a sign of life.
QUIET_SECONDS = 5.0


class Listener:
    def __init__(
        self,
        redis: Redis,
        gateway: str,
        *,
        dispatch: Callable[[int, list[Any]], None],
        saw_epoch: Callable[[int], None],
        revoked: Callable[[str], None],
        resubscribed: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._channels = (keys.gateway_channel(gateway), keys.ALL)
        self._dispatch = dispatch
        self._saw_epoch = saw_epoch
        self._revoked = revoked
        self._resubscribed = resubscribed
        self._greenlet: gevent.Greenlet | None = None
        self.subscribed = gevent.event.Event()
        self.subscriptions = 0

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
                log.warning("the subscription ended (%s); subscribing again", type(error).__name__)
            except Exception:
                log.exception("the listener stumbled; subscribing again")
            self.subscribed.clear()
            gevent.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 1.0)

    def _listen(self) -> None:
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        try:
            pubsub.subscribe(*self._channels)
            connection = pubsub.connection
            for _ in self._channels:
                connection.read_response(timeout=QUIET_SECONDS, push_request=True)
            self.subscriptions += 1
            self.subscribed.set()
            self._resubscribed()
            asked = False
            while True:
                try:
                    response = self._next(connection)
                except TimeoutError:
                    if asked:
                        raise
                    connection.send_command("PING", check_health=False)
                    asked = True
                    continue
                asked = False
                if response[0] == b"message":
                    self._take(response[1], response[2])
        finally:
            pubsub.close()

    @staticmethod
    def _next(connection: Any) -> Any:
        """The next message. Raise TimeoutError after QUIET_SECONDS without one, and keep the connection.

        Not ``can_read`` first: it polls the socket twice, which was a fifth of an idling gateway's time.
        """
        return connection.read_response(timeout=QUIET_SECONDS, disconnect_on_error=False, push_request=True)

    def _take(self, channel: bytes, payload: bytes) -> None:
        try:
            message = unpack(payload)
        except msgspec.DecodeError:
            log.error("not a message of ours on %s", channel.decode())
            return
        if message[0] == "revoked":
            self._dispatch(0, [[False, [Kind.REVOKED, message[1]]]])
            return
        epoch, items = message
        if epoch:
            self._saw_epoch(epoch)
        self._dispatch(epoch, items)
