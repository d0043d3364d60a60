"""The contract of the queue of push notifications. Postgres and the in-memory twin pass these tests."""

from __future__ import annotations

from typing import Any, Protocol

from app.store.push_deliveries import Ended, Postponed


class PushWorld(Protocol):
    """``functions`` has claim, end and postpone; ``conn`` is their first argument."""

    conn: Any
    functions: Any

    def add(self, provider: str, user: int, conversation: int, seq: int, host: str = "host") -> int:
        """Queues a notification for a new device and returns its id."""
        ...

    def raise_seq(self, id_: int, seq: int) -> None: ...
    def states(self) -> dict[int, tuple[str, str]]: ...


class PushQueueContract:
    """Subclasses define the fixture ``world``."""

    def claim(self, world: PushWorld, limit: int = 100, without: tuple[str, ...] = ()) -> list[Any]:
        return list(world.functions.claim(world.conn, "fcm", limit, without))

    def end(self, world: PushWorld, *ended: Ended) -> None:
        world.functions.end(world.conn, ended, spacing_seconds=60.0)

    def test_claimed_notification_is_leased_to_one_worker(self, world: PushWorld) -> None:
        one = world.add("fcm", 1, 7, 3)
        world.add("webpush", 1, 7, 3)
        (claimed,) = self.claim(world)
        assert (claimed.id, claimed.conversation_id, claimed.seq) == (one, 7, 3)
        assert (claimed.kind, claimed.attempts, claimed.host, claimed.shown) == ("message", 1, "host", 0)
        assert claimed.platform == "android"
        assert claimed.address
        assert self.claim(world) == []

    def test_claim_is_limited_sorted_by_user_and_spares_hosts(self, world: PushWorld) -> None:
        ids = [world.add("fcm", user, 7, 1, host) for user, host in ((1, "a"), (2, "b"), (3, "a"), (4, "a"))]
        assert [one.id for one in self.claim(world, 2, ("b",))] == [ids[0], ids[2]]
        assert [one.id for one in self.claim(world)] == [ids[1], ids[3]]

    def test_sent_notification_is_shown_from_then_on(self, world: PushWorld) -> None:
        one = world.add("fcm", 1, 7, 3)
        (claimed,) = self.claim(world)
        self.end(world, Ended(claimed, "sent", "", 3))
        assert world.states() == {one: ("sent", "")}

    def test_notification_that_changed_while_it_was_sent_stays_pending(self, world: PushWorld) -> None:
        one = world.add("fcm", 1, 7, 3)
        (claimed,) = self.claim(world)
        world.raise_seq(one, 5)
        self.end(world, Ended(claimed, "sent", "", 3))
        assert world.states()[one][0] == "pending"
        assert self.claim(world) == [], "the next one follows after the spacing"

    def test_outcome_that_comes_twice_changes_nothing(self, world: PushWorld) -> None:
        one = world.add("fcm", 1, 7, 3)
        (claimed,) = self.claim(world)
        self.end(world, Ended(claimed, "refused", "why", 3))
        self.end(world, Ended(claimed, "sent", "", 3))
        world.functions.postpone(world.conn, [Postponed(claimed, 0.0, "late")])
        assert world.states() == {one: ("refused", "why")}
        assert self.claim(world) == []

    def test_postponed_notification_is_due_again_after_its_time(self, world: PushWorld) -> None:
        soon, late = world.add("fcm", 1, 7, 3), world.add("fcm", 2, 7, 3)
        first, second = self.claim(world)
        world.functions.postpone(world.conn, [Postponed(second, 60.0, "503"), Postponed(first, 0.0, "503")])
        (again,) = self.claim(world)
        assert (again.id, again.attempts) == (soon, 2)
        assert world.states()[late] == ("pending", "503")

    def test_gone_target_is_forgotten(self, world: PushWorld) -> None:
        one = world.add("fcm", 1, 7, 3)
        (claimed,) = self.claim(world)
        self.end(world, Ended(claimed, "gone", "410", 3))
        assert world.states() == {one: ("gone", "410")}

    def test_empty_outcomes_do_nothing(self, world: PushWorld) -> None:
        world.functions.end(world.conn, [], spacing_seconds=1.0)
        world.functions.postpone(world.conn, [])
        assert world.states() == {}
