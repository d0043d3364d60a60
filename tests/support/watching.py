"""Gateways with sessions that watch the presence of users, over a real Redis."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial

import redis

from app.core.events import Event
from app.core.kinds import Kind
from app.core.records import unpack
from app.fanout.hub import Hub
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges, send_heartbeat
from app.fanout.watches import register_watches
from app.gateway.watch_registry import WatchRegistry
from app.message_log import keys
from app.message_log.shards import Shard

SEEN_MS = 1_700_000_000_000


class Watcher:
    """A session that shows the presence of users."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self.shown = gateway, dict[int, bool]()
        self.user_id, self.id, self.auth_session, self.transport = 99, "", "", "websocket"

    def watch(self, *users: int) -> None:
        """Does what ``presence_subscribe`` does."""
        watchers = self._gateway.hub.watchers
        watchers.watch(self, users)  # type: ignore[arg-type] # only what these tests need
        watchers.allow(self, users)  # type: ignore[arg-type]
        states = self._gateway.watches.register(users)
        self.shown |= {user: states[user].online for user in users}

    def unwatch(self, *users: int) -> None:
        self._gateway.hub.watchers.unwatch(self, users)  # type: ignore[arg-type]
        for user in users:
            self.shown.pop(user, None)

    def offer_ephemeral(self, event: Event) -> None:
        data = json.loads(event.data)
        self.shown[int(data["userId"])] = data["status"] == "online"


class Gateway:
    """The parts of a gateway that have to do with presence, over a real Redis and a real subscription."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self.redis, self.name = client, name
        self.users: set[int] = set()
        self.received: Counter[int] = Counter()  # changes of presence, by user
        self.hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
        self.watches = WatchRegistry(self.hub.watchers, partial(register_watches, client, name))
        self.session = Watcher(self)
        self._change = PresenceChanges(Shard(client), name, saw_epoch=lambda _: None)
        self.subscribe()
        self.beat()

    def subscribe(self, *channels: str) -> None:
        self.bus = self.redis.pubsub(ignore_subscribe_messages=True)
        self.bus.subscribe(*(channels or (keys.FIRST.gateway_channel(self.name), keys.ALL, keys.WATCHING)))
        self.deliver()

    def lose_subscription(self) -> None:
        """Loses everything that was published and not delivered."""
        self.bus.close()
        self.subscribe()
        self.watches.register_all()

    def join(self, user: int) -> None:
        self._change([(ONLINE, user, 0)])
        self.users.add(user)

    def leave(self, user: int) -> None:
        self.users.discard(user)
        self._change([(OFFLINE, user, SEEN_MS)])

    def register_users(self) -> None:
        for user in self.users:
            self.join(user)

    def beat(self) -> None:
        with self.watches.releasing() as (released, expected):
            found = send_heartbeat(Shard(self.redis), self.name, released)
        if found.users < len(self.users):
            self.register_users()
        self.watches.repair(found.watched, expected)

    def deliver(self) -> None:
        self.bus.ping()
        kind = ""
        while kind != "pong":
            message = self.bus.get_message(timeout=5)
            kind = message["type"] if message else ""  # None: the answer to SUBSCRIBE
            if kind == "message":
                epoch, items = unpack(message["data"])
                self.received.update(record[1] for _, record in items if record[0] == Kind.PRESENCE)
                self.hub.dispatch(epoch, items)

    def close(self) -> None:
        self.bus.close()


def registered(client: redis.Redis) -> dict[bytes, bytes]:
    return client.hgetall(keys.WATCHED)
