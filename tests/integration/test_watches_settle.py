"""Every watcher ends up right, in random histories of gateways that join, die, and lose what was published."""

from __future__ import annotations

import hypothesis.strategies as st
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from app.message_log import keys
from tests.support.watching import Gateway, registered

ANN = 1
USERS = st.integers(1, 3)
GATEWAYS = st.integers(0, 2)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "leave", "watch", "unwatch", "deliver", "beat", "bury", "die", "break", "lose"],
        ),
        GATEWAYS,
        USERS,
    ),
    min_size=12,
    max_size=40,
)


class World:
    """Gateways that come and go. The model: a user is online while a living gateway has a session of theirs."""

    def __init__(self, client: redis.Redis) -> None:
        client.flushall()
        self.redis, self.epoch, self.made = client, 1, 0
        client.set(keys.FIRST.epoch, "1:0")
        self.gateways = [self._make() for _ in range(3)]

    def _make(self) -> Gateway:
        self.made += 1
        return Gateway(self.redis, f"r-{self.made}")

    def act(self, act: str, at: int, user: int) -> None:
        gateway = self.gateways[at]
        if act in ("join", "leave"):
            if (user in gateway.users) == (act == "leave"):
                getattr(gateway, act)(user)
        elif act in ("watch", "unwatch"):
            getattr(gateway.session, act)(user)
        elif act in ("deliver", "beat"):
            gateway.deliver()  # a publication takes less time than passes between two heartbeats
            if act == "beat":
                gateway.beat()
        elif act == "break":
            gateway.lose_subscription()
        elif act == "lose":
            self._lose(gateway, user)
        else:
            self._bury(at, dies=act == "die")

    def _lose(self, gateway: Gateway, user: int) -> None:
        """Redis is empty. A user who leaves before they are registered again leaves without a notice."""
        self.redis.flushall()
        self.epoch += 1
        self.redis.set(keys.FIRST.epoch, f"{self.epoch}:0")
        gateway.leave(user)
        for gateway in self.gateways:
            gateway.register_users()
            gateway.watches.lost()

    def _bury(self, at: int, *, dies: bool) -> None:
        buried, other = self.gateways[at], self.gateways[at - 1]
        self.redis.zadd(keys.FIRST.gateways, {buried.name: 1})
        if dies:
            buried.close()
        other.deliver()
        other.beat()
        if dies:
            self.gateways[at] = self._make()

    def settle(self) -> None:
        """Delivers everything and sends all heartbeats, also the one that reads again after a loss. A gateway that was
        paused may send its heartbeat before it reads the publications of the pause.
        """
        for _ in range(2):
            for gateway in self.gateways:
                gateway.beat()
            for gateway in self.gateways:
                gateway.deliver()
        for gateway in self.gateways:
            if gateway.watches._read_again_at:
                gateway.watches.register_all()

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.close()


@given(acts=ACTS)
@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_watcher_ends_up_right_whatever_happens(
    redis_with_epoch: redis.Redis, acts: list[tuple[str, int, int]]
) -> None:
    world = World(redis_with_epoch)
    try:
        for act in acts:
            world.act(*act)
        world.settle()
        online = {user for gateway in world.gateways for user in gateway.users}
        for gateway in world.gateways:
            assert gateway.session.shown == {user: user in online for user in gateway.session.shown}
        watched = {
            str(user).encode(): {gateway.name for gateway in world.gateways if user in gateway.session.shown}
            for user in range(1, 4)
        }
        found = {user: set(names.decode().split()) for user, names in registered(redis_with_epoch).items()}
        assert found == {user: names for user, names in watched.items() if names}
        for gateway in world.gateways:
            gateway.received.clear()
        world.gateways[0].join(ANN) if ANN not in online else [g.leave(ANN) for g in world.gateways if ANN in g.users]
        for gateway in world.gateways:
            gateway.deliver()
            assert gateway.received == ({ANN: 1} if ANN in gateway.session.shown else {})
    finally:
        world.close()
