"""A model of several gateways and one large group, which decides who must get which messages."""

from __future__ import annotations

from typing import Any

from redis import Redis

from app.core.events import Event, EventBatch
from app.core.kinds import Kind
from app.core.records import pack, unpack
from app.fanout.hub import Hub
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges, ask_for_rosters
from app.message_log import keys
from app.message_log.append import Append, AppendLimits, Decided, Decision, Operation
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard
from app.redis_scripts import script
from app.store.conversations import ConversationState, MemberState

EPOCH, GROUP, OWNER = 3, 8, 1
FILLERS = range(1001, 1101)
OLD = "old"  # a gateway of the previous release, which keeps no rosters
GATEWAYS = ("r-one", "r-two", OLD)
ROOM = AppendLimits(max_records=100_000, max_bytes=100_000_000, dedupe_seconds=600)


class Client:
    """A session. ``seen`` has the versions of the group's records that its client has."""

    auth_session, transport = "", "ws"

    def __init__(self, world: World, user_id: int) -> None:
        self.world, self.user_id, self.id = world, user_id, f"{user_id}"
        self.seen: list[int] = []

    def offer(self, event: Event) -> None:
        self.seen.append(event.version)

    def offer_batch(self, batch: EventBatch) -> None:
        for event in batch.parts:
            self.offer(event)

    def resume_from_store(self) -> None:
        missed = [at for at, users in self.world.expected.items() if self.user_id in users and at not in self.seen]
        self.seen += [at for at in missed if at > self.since]

    since = 0

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class Gateway:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
        self.presence = PresenceChanges(Shard(world.redis), name, saw_epoch=lambda _: None)
        self.clients: dict[int, Client] = {}
        self.is_deaf = False

    def take(self, payload: bytes) -> None:
        if not self.is_deaf:
            epoch, items = unpack(payload)
            assert self.name != OLD or all(item[0] is False or isinstance(item[0], list) for item in items)
            self.hub.dispatch(epoch, items)


class World:
    def __init__(self, redis: Redis) -> None:
        redis.flushall()
        self.redis = redis
        self.epoch = EPOCH
        redis.set(keys.FIRST.epoch, f"{EPOCH}:0")
        options: Any = {"connect": lambda: redis, "saw_epoch": lambda _: None, "wake": lambda: None}
        self.append = Append(Shard(redis), GATEWAYS[0], ROOM, **options)
        self.change = Append(Shard(redis), GATEWAYS[0], ROOM, name="change", **options)
        self.members = {OWNER, *FILLERS, 2, 3}
        self.expected: dict[int, set[int]] = {}  # version -> members at that time
        self.floors: dict[int, int] = {}  # user -> seq up to which they see nothing
        self.last_seq = self.number = 0
        self.bus = redis.pubsub(ignore_subscribe_messages=True)
        self.bus.psubscribe(keys.FIRST.gateway_channel("*"), keys.FIRST.rosters)
        self.gateways = {name: Gateway(self, name) for name in GATEWAYS}
        self.load()
        self.deliver()

    def load(self) -> None:
        """Hydrates the group if it is not in Redis."""
        rows = [MemberState(user, "owner" if user == OWNER else "member", 0, 0) for user in self.members]
        state = ConversationState(GROUP, "group", self.last_seq, 0, rows, {"name": "G"}, dict(self.floors), [])
        assert hydrate(Shard(self.redis), self.epoch, state)

    def deliver(self) -> None:
        """Brings everything that was published to the gateways, in its order."""
        self.bus.ping()
        kind = ""
        while kind != "pong":
            message = self.bus.get_message(timeout=5)
            kind = message["type"] if message else ""
            if kind == "pmessage":
                channel = message["channel"].decode()
                name = channel.removeprefix(keys.FIRST.gateway_channel(""))
                for gateway in self.gateways.values():
                    if gateway.name == name or (channel == keys.FIRST.rosters and gateway.name != OLD):
                        gateway.take(message["data"])

    # --- steps

    def join(self, name: str, user: int) -> None:
        gateway = self.gateways[name]
        if user not in gateway.clients:
            client = gateway.clients[user] = Client(self, user)
            gateway.hub.add(client)
        gateway.clients[user].since = self.last_version()
        gateway.clients[user].seen = []
        gateway.presence([(ONLINE, user, 0)])

    def leave(self, name: str, user: int) -> None:
        client = self.gateways[name].clients.pop(user, None)
        if client is not None:
            self.gateways[name].hub.remove(client)
            self.gateways[name].presence([(OFFLINE, user, 1)])

    def last_version(self) -> int:
        return int(self.redis.get(keys.FIRST.version) or 0)  # type: ignore[arg-type]

    def send(self, *, quotes: bool = False, shadow: bool = False) -> None:
        """A message, or one that quotes the first one, which some may not see. Only its sender sees a ``shadow``."""
        self.number += 1
        id_ = f"m{self.number}"
        what: Any = [id_, quotes and [1, '"quoted":null', 3], 4 if shadow else 0] if quotes or shadow else id_
        operation = Operation(Kind.MESSAGE, GROUP, OWNER, what, f'"id":"{id_}"', "s", id=id_)
        ((decided, seq, version, _),) = self._carry_out(self.append, [operation])
        assert decided == Decided.DONE
        self.last_seq = seq
        self.expected[version] = {OWNER} if shadow else set(self.members)

    def remove_between_messages(self, user: int) -> None:
        """One batch: a change, the removal of a user, and another change."""
        operations = [self._reaction(), self._group_change("removed", user), self._reaction()]
        before, after = set(self.members), self.members - {user}
        self._decided(operations, [before, after, after])

    def add_between_messages(self, user: int) -> None:
        operations = [self._reaction(), self._group_change("added", 200_000, user), self._reaction()]
        before, after = set(self.members), self.members | {user}
        self._decided(operations, [before, after, after])

    def clear(self, user: int) -> None:
        """The user no longer sees earlier messages or their changes."""
        if user in self.members and self.last_seq:
            operation = Operation(Kind.CLEARED, GROUP, user, [-1, 0], f'"seq":{self.last_seq}', "s")
            ((_, _, version, _),) = self._carry_out(self.change, [operation])
            self.floors[user] = self.last_seq
            self.expected[version] = {user}

    def react(self) -> None:
        if self.last_seq:
            self._decided([self._reaction()], [set(self.members)])

    def shrink(self) -> None:
        """The group is no longer large."""
        self._decided([self._group_change("removed", *FILLERS[:20])], [self.members - set(FILLERS[:20])])

    def grow(self) -> None:
        users = FILLERS[:20]
        self._decided([self._group_change("added", 200_000, *users)], [self.members | set(users)])

    def change_by_old_release(self, user: int) -> None:
        """Does to the keys what change.lua of that release does."""
        if not self.redis.exists(keys.FIRST.conversation(GROUP)):
            return
        self.members ^= {user} - {OWNER}
        self.floors.pop(user, None)
        self.redis.hset(keys.FIRST.conversation(GROUP), "f", pack(self.floors))
        self.redis.hset(keys.FIRST.conversation(GROUP), "m", pack(sorted(self.members)))
        self.redis.delete(keys.FIRST.routes(GROUP))

    def expire(self) -> None:
        """The group is idle for a day."""
        if self.redis.ttl(keys.FIRST.conversation(GROUP)) > 0:
            assert self.redis.pttl(keys.FIRST.members(GROUP)) in range(-2, 24 * 3_600_000 + 1)
            self.redis.delete(keys.FIRST.conversation(GROUP), keys.FIRST.members(GROUP), keys.FIRST.counts(GROUP))

    def lose_index(self) -> None:
        """An older release kept only the hash of the group from expiring."""
        self.redis.delete(keys.FIRST.members(GROUP))

    def bury(self, name: str) -> None:
        """Another gateway takes this one for dead. Its users are registered again, later."""
        self.redis.zadd(keys.FIRST.gateways, {name: 1})
        names = [
            keys.FIRST.epoch,
            keys.FIRST.gateways,
            keys.FIRST.online,
            keys.ALL,
            keys.FIRST.gateway_users("x"),
            keys.SEEN,
            keys.FIRST.places,
        ]
        beat = script(self.redis, "app.fanout", "beat", after="watches announce counts")
        beat(
            keys=[*names, keys.FED, keys.FED_PRESENCE, keys.gateway_watches("x")],
            args=[keys.PREFIX, "x", 10_000, pack([]), 1],
        )
        assert not self.redis.hexists(keys.FIRST.counts(GROUP), name)
        self.deliver()

    def register_again(self, name: str) -> None:
        gateway = self.gateways[name]
        if gateway.clients:
            gateway.presence([(ONLINE, user, 1) for user in gateway.clients])
        self.deliver()

    def die(self, name: str) -> None:
        self.bury(name)
        self.gateways[name] = Gateway(self, name)

    def lose_data(self) -> None:
        """Redis comes back empty, and a new epoch begins."""
        self.redis.flushall()
        self.epoch += 1
        self.redis.set(keys.FIRST.epoch, f"{self.epoch}:0")
        self.redis.set(keys.FIRST.version, max(self.expected, default=0))
        for name in self.gateways:
            self.register_again(name)

    def go_deaf(self, name: str) -> None:
        self.deliver()
        self.gateways[name].is_deaf = True

    def hear_again(self, name: str, *, asks: bool = True) -> None:
        """Subscribes again, as the gateway does."""
        gateway = self.gateways[name]
        self.deliver()
        if gateway.is_deaf:
            gateway.is_deaf = False
            gateway.hub.rosters.lose()
        if not gateway.hub.rosters.complete:
            for client in gateway.clients.values():
                client.resume_from_store()
            if asks:
                ask_for_rosters(Shard(self.redis), name)

    # --- checks

    def check(self) -> None:
        """Every online member has every message once; nobody else has any."""
        self.deliver()
        for name, gateway in self.gateways.items():
            for user, client in gateway.clients.items():
                due = [at for at, users in self.expected.items() if at > client.since and user in users]
                got = [at for at in client.seen if at > client.since]
                assert gateway.is_deaf or sorted(got) == due, (name, user)
            if name != OLD and not gateway.is_deaf and gateway.hub.rosters.complete:
                self._check_roster(name)

    def check_rosters(self) -> None:
        self.deliver()
        for name in GATEWAYS[:2]:
            self._check_roster(name)

    def close(self) -> None:
        self.bus.close()

    def _check_roster(self, name: str) -> None:
        """The roster equals Redis' members, and the gateway is counted for at least as many."""
        flat: dict[bytes, bytes] = self.redis.hgetall(keys.FIRST.counts(GROUP))  # type: ignore[assignment]
        changes, counted = self.redis.mget(keys.FIRST.places, keys.FIRST.places_counted)  # type: ignore[misc]
        others = int(changes or 0) - int(counted or 0)
        indexed = (self.redis.hget(keys.FIRST.conversation(GROUP), "m") or b"\0")[0] == 0xDD  # type: ignore[index]
        if not indexed or int(flat.get(b"#others", b"-1")) != others:
            return
        here = set(self.gateways[name].clients) & self.members
        assert set(self.gateways[name].hub.rosters.among(int(flat[b"#build"])) or ()) == here
        assert int(flat.get(name.encode(), b"0")) >= len(here)

    # --- operations

    def _reaction(self) -> Operation:
        self.number += 1
        return Operation(Kind.REACTED, GROUP, OWNER, [1, 0, 1], '"emoji":"x","on":true', "s", id=f"m{self.number}")

    def _group_change(self, what: str, *details: int) -> Operation:
        self.number += 1
        id_ = f"g{self.number}"
        return Operation(Kind.GROUP_CHANGED, GROUP, OWNER, [what, *details], f'"id":"{id_}"', "s", id=id_)

    def _decided(self, operations: list[Operation], audiences: list[set[int]]) -> None:
        """Those who were removed get the group's change, too."""
        before = set(self.members)
        decisions = self._carry_out(self.change, operations)
        for operation, decision, audience in zip(operations, decisions, audiences, strict=True):
            self.floors = {user: floor for user, floor in self.floors.items() if user in audience}
            if decision[0] != Decided.DONE:
                continue
            if operation.kind == Kind.GROUP_CHANGED:
                self.expected[decision[2]] = audience | before
                self.last_seq = decision[1]
            else:
                self.expected[decision[2]] = {user for user in audience if not self.floors.get(user)}
            before = audience
        self.members = set(audiences[-1])

    def _carry_out(self, write: Append, operations: list[Operation]) -> list[Decision]:
        decisions = write(operations)
        if any(decision[0] == Decided.UNKNOWN for decision in decisions):
            self.load()
            decisions = write(operations)
        return decisions
