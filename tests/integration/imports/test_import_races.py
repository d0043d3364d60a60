"""Imports whose users or conversations are created by somebody else between two steps."""

from __future__ import annotations

import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from app.core.errors import Overloaded
from app.core.host_users import HostUser
from app.services.host.upsert_users import UserUpserts
from app.services.imports.live import LogBusyError
from app.store import account_deletions, import_writes, imports
from app.store.engine import writing
from tests.factories.store import add_direct
from tests.integration.imports.world import ImportWorld
from tests.support.imports import Line, group, message, new_id, user

EACH = 12


@dataclass
class Sample:
    """Three people, two groups, a direct conversation without a name, and a group without messages."""

    ann: str = field(default_factory=lambda: new_id("ann"))
    ben: str = field(default_factory=lambda: new_id("ben"))
    eve: str = field(default_factory=lambda: new_id("eve"))
    one: str = field(default_factory=lambda: new_id("one"))
    two: str = field(default_factory=lambda: new_id("two"))
    empty: str = field(default_factory=lambda: new_id("zero"))

    @property
    def lines(self) -> list[Line]:
        rooms = group(self.one, self.ann, self.ben), group(self.two, self.ben), group(self.empty, self.eve)
        lines = [user(self.ann), user(self.ben), user(self.eve), *rooms]
        for n in range(EACH):
            lines.append(message(self.one, (self.ann, self.ben)[n % 2], f"one {n}", n))
            lines.append(message(self.two, self.eve, f"two {n}", n))
            lines.append(message(None, self.ann, f"direct {n}", n, recipient=self.ben))
        return lines

    @property
    def people(self) -> tuple[str, str, str]:
        return self.ann, self.ben, self.eve

    @property
    def pair(self) -> str:
        return f"{self.ann} and {self.ben}"


@pytest.fixture
def sample() -> Sample:
    return Sample()


def texts(world: ImportWorld, sample: Sample, name: str) -> list[str]:
    shown = world.conversations(*sample.people)
    if name == sample.pair and name not in shown:
        name = f"{sample.ben} and {sample.ann}"
    return [body for _, body, *_ in shown[name]["messages"]]


def everything_is_there(world: ImportWorld, sample: Sample) -> bool:
    assert texts(world, sample, sample.one) == [f"one {n}" for n in range(EACH)]
    assert texts(world, sample, sample.two) == [f"two {n}" for n in range(EACH)]
    assert texts(world, sample, sample.pair) == [f"direct {n}" for n in range(EACH)]
    assert len(world.conversations(*sample.people)) == 4
    assert world.orphans() == 0
    return True


def put_user(world: ImportWorld, external_id: str, **fields: str) -> int:
    upserts = UserUpserts(engine=world.engine, redis=world.log.redis, presence_visible="everyone")
    return upserts.upsert(HostUser(external_id=external_id, **fields), server_key="test").user.id  # type: ignore[arg-type]


# --- two imports


@pytest.mark.parametrize("seed", range(6))
def test_two_imports_of_one_file_end_as_one(world: ImportWorld, sample: Sample, seed: int) -> None:
    """Their steps alternate in an order that the seed decides."""
    chance = random.Random(seed)
    left = [world.begin(sample.lines), world.begin(sample.lines)]
    both = list(left)
    while left:
        chosen = chance.choice(left)
        if world.step(chosen):
            left.remove(chosen)
    assert {world.found(one).state for one in both} == {"done"}
    assert everything_is_there(world, sample)
    once = world.conversations(*sample.people)
    world.finish(world.begin(sample.lines))
    assert world.conversations(*sample.people) == once


def test_two_imports_of_one_file_at_the_same_time(world: ImportWorld, sample: Sample) -> None:
    ids = [world.begin(sample.lines), world.begin(sample.lines)]
    start = threading.Barrier(2)

    def work(import_id: str) -> None:
        start.wait()
        runner = world.runner()
        while True:
            with suppress(Overloaded, LogBusyError):  # a deadlock of the two, for example
                if runner.step(import_id):
                    return

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ids))
    world.log.drain().run()
    for import_id in ids:
        world.check_done(import_id)
    assert everything_is_there(world, sample)


# --- users


def test_user_who_was_created_after_the_check_gets_the_messages(world: ImportWorld, sample: Sample) -> None:
    import_id = world.begin(sample.lines)
    world.run_to(import_id, "users")
    ann = put_user(world, sample.ann, display_name="Ann")
    world.finish(import_id)
    assert everything_is_there(world, sample)
    found = world.log.query("SELECT id, display_name FROM users WHERE external_id = :e", e=sample.ann)
    assert [tuple(row) for row in found] == [(ann, "Ann")]


def test_user_name_that_was_taken_after_the_check_is_replaced(world: ImportWorld, sample: Sample) -> None:
    name = f"n{uuid.uuid4().hex[:12]}"
    import_id = world.begin([user(sample.ann, username=name), user(sample.ben, displayName="Ben", username=f"{name}b")])
    world.run_to(import_id, "users")
    put_user(world, sample.eve, username=name)
    world.finish(import_id)
    [(username, shown)] = world.log.query(
        "SELECT username, display_name FROM users WHERE external_id = :e", e=sample.ann
    )
    assert (username[:2], shown) == ("h-", name)


def test_user_who_was_deleted_after_the_check_is_no_member(world: ImportWorld, sample: Sample) -> None:
    """The account's memberships have ended already."""
    ann = put_user(world, sample.ann)
    import_id = world.begin(sample.lines[1:])
    world.run_to(import_id, "users")
    with writing(world.engine) as conn:
        assert account_deletions.begin_deletion(conn, ann, erase=False)
    world.finish(import_id)
    shown = world.conversations(sample.ben)[sample.one]
    assert [name for name, *_ in shown["members"]] == [sample.ben]


# --- conversations


@pytest.mark.parametrize("stage", ["users", "messages", "rest"])
def test_group_that_was_created_after_the_check_gets_the_messages(
    world: ImportWorld, sample: Sample, stage: str
) -> None:
    name = sample.empty if stage == "rest" else sample.one
    import_id = world.begin(sample.lines)
    world.run_to(import_id, stage)
    ann = put_user(world, sample.ann)
    made = world.add_group(name, ann)
    world.finish(import_id)
    assert everything_is_there(world, sample)
    [(id_,)] = world.log.query("SELECT id FROM conversations WHERE external_id = :e", e=name)
    assert id_ == made
    assert [one for one, *_ in world.conversations(sample.ann)[name]["members"]] == [sample.ann]


def test_direct_conversation_that_was_opened_after_the_check_gets_the_messages(
    world: ImportWorld, sample: Sample
) -> None:
    """Also between users who were created after the check."""
    import_id = world.begin(sample.lines)
    world.run_to(import_id, "users")
    ben, ann = put_user(world, sample.ben), put_user(world, sample.ann)
    made = add_direct(world.engine, ann, ben)
    world.finish(import_id)
    assert everything_is_there(world, sample)
    assert len(world.log.texts(made)) == EACH


def test_group_that_was_made_and_deleted_after_the_check_stays_deleted(world: ImportWorld, sample: Sample) -> None:
    import_id = world.begin(sample.lines)
    world.run_to(import_id, "messages")
    made = world.add_group(sample.one)
    world.run_to(import_id, "rest")
    world.delete(made)
    world.finish(import_id)
    assert sample.one not in world.conversations(*sample.people)
    assert world.orphans() == 0
    assert texts(world, sample, sample.two) == [f"two {n}" for n in range(EACH)]
    assert texts(world, sample, sample.pair) == [f"direct {n}" for n in range(EACH)]


def test_group_that_disappears_while_its_place_is_looked_up(
    world: ImportWorld, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import is refused its place, and does not find the conversation that has it."""
    import_id = world.begin(sample.lines)
    world.run_to(import_id, "messages")
    others = [world.add_group(sample.one)]
    real = import_writes.give_back

    def give_back(*args: object) -> bool:
        while others:
            world.delete(others.pop())
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(import_writes, "give_back", give_back)
    world.finish(import_id)
    assert everything_is_there(world, sample)


def test_direct_conversation_that_got_a_name_after_the_check_keeps_it(world: ImportWorld, sample: Sample) -> None:
    ann, ben, name = put_user(world, sample.ann), put_user(world, sample.ben), new_id("pair")
    made = add_direct(world.engine, ann, ben)
    direct = {"type": "conversation", "externalId": name, "kind": "direct", "members": [sample.ann, sample.ben]}
    import_id = world.begin([direct, message(name, sample.ann, "hi", 1)])
    world.run_to(import_id, "rest")
    with writing(world.engine) as conn:
        conn.execute(text("UPDATE conversations SET external_id = :e WHERE id = :c"), {"e": f"{name} other", "c": made})
    world.finish(import_id)
    assert world.log.texts(made) == ["hi"]
    assert world.log.query("SELECT external_id FROM conversations WHERE id = :c", c=made)[0][0] == f"{name} other"


# --- steps


def test_second_worker_leaves_an_import_alone(world: ImportWorld, sample: Sample) -> None:
    import_id = world.begin(sample.lines)
    with writing(world.engine) as conn:
        assert imports.hold(conn, import_id) is not None
        assert world.runner().step(import_id) is True
        assert world.found(import_id).progress.checked == 0
    world.finish(import_id)
    assert everything_is_there(world, sample)
