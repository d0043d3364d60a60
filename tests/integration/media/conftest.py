"""Media with Cloudinary (a stand-in). After each test no asset is orphaned and no staged piece remains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from kombu import Exchange, Queue
from sqlalchemy import Engine, text

from dev.processes import wait_until
from tests.conftest import StackFactory
from tests.contract.expect import eventually
from tests.support.cloudinary import FakeCloudinary
from tests.support.media_person import LONG, Do, Person, Until
from tests.support.private_stack import UNLIMITED
from tests.support.processes import Stack

LEASE = 4.0


@pytest.fixture(scope="module")
def cloudinary() -> Iterator[FakeCloudinary]:
    with FakeCloudinary(timeout=2.0) as fake:
        yield fake


@pytest.fixture(scope="module")
def server(make_stack: StackFactory, cloudinary: FakeCloudinary) -> Stack:
    env = {"CLOUDINARY_URL": cloudinary.url, "MEDIA_LEASE_SECONDS": str(LEASE), "ACCOUNT_DELETION": "erase"}
    return make_stack(web=2, env={**UNLIMITED, **env})


@pytest.fixture
def ann(server: Stack) -> Iterator[Person]:
    person = Person(server)
    yield person
    person.close()


@pytest.fixture(autouse=True)
def no_leftovers(server: Stack, cloudinary: FakeCloudinary, engine: Engine) -> Iterator[None]:
    """Checks after each test that all media have ended, nothing is staged, and each asset belongs to a kept medium."""
    yield
    cloudinary.gate.set()
    cloudinary.down = False

    def at_rest() -> bool:
        with engine.connect() as conn:
            rows = conn.execute(text("SELECT CAST(id AS text), state FROM media")).all()
            staged = conn.execute(text("SELECT count(*) FROM media_chunks")).scalar()
        states = {media_id: state for media_id, state in rows}  # noqa: C416 - rows of the driver
        kept = {media_id for media_id, state in states.items() if state == "ready"}
        owned = {place[2].removeprefix("parley/").removesuffix("-thumbnail") for place in cloudinary.assets}
        return staged == 0 and owned <= kept and set(states.values()) <= {"ready", "failed", "deleting"}

    eventually(at_rest, "all media to end", LONG)
    assert len(set(cloudinary.created)) == len(cloudinary.created), "an asset was created twice"
    assert cloudinary.refusals == []


@pytest.fixture(scope="module")
def run_task(server: Stack) -> Iterator[Callable[..., object]]:
    """Sends a task to the server's workers, by name."""
    client = Celery(broker=server.env["REDIS_URL"], set_as_current=False)
    client.conf.update(task_ignore_result=True)

    def act(task: str, *arguments: str) -> None:
        queue = "maintenance" if "maintenance" in task else "media"
        exchange = Exchange("parley", type="direct")
        client.send_task(task, arguments, queue=Queue(queue, exchange, routing_key=queue), retry=False)

    yield act
    client.close()


@pytest.fixture
def until(run_task: Do) -> Until:
    """Sweeps every few seconds, as beat does, until the check passes."""

    def sweep_until(check: Callable[[], Any], what: str) -> Any:
        def swept() -> Any:
            run_task("tasks.maintenance.sweep_media")
            return check()

        return wait_until(swept, LONG, what, every=0.3)

    return sweep_until


@pytest.fixture
def sql(engine: Engine) -> Do:
    def act(statement: str, **values: Any) -> None:
        with engine.begin() as conn:
            conn.execute(text(statement), values)

    return act
