"""Fixtures: PostgreSQL and Valkey for each test process, a migrated database for each module, and the real server.

A store or a server that does not start is an error, never a skip.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
from sqlalchemy import Engine, create_engine

from app.config import Settings
from app.message_log import keys
from tests.support import forks, garbage, store_template
from tests.support.processes import QUICK_PASSWORDS, Stack
from tests.support.shards import ShardedStores
from tests.support.store_template import TEMPLATE, migrated_stores

# A busy machine may take longer than hypothesis' 200 ms for any example.
hypothesis.settings.register_profile("parley", deadline=None)
hypothesis.settings.load_profile("parley")

TESTS = Path(__file__).parent
FIRST = ("contract", "e2e", "push", "faults", "integration")
# Each test process may start two PostgreSQL servers and a browser.
MAX_TEST_PROCESSES = 6
_TEMPLATE_DIRECTORY = pytest.StashKey[Path | None]()
_numbers = itertools.count(1)
_live_stacks: list[Stack] = []

StackFactory = Callable[..., Stack]


@pytest.fixture(scope="session")
def work_dir() -> Iterator[Path]:
    """Not pytest's own directory: under root, PostgreSQL runs as another user without access to it."""
    directory = Path(tempfile.mkdtemp(prefix="parley-test-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def stores(work_dir: Path) -> Iterator[ShardedStores]:
    """Starts PostgreSQL and Valkey for this test process, on loopback TCP, with one Redis or several (shards.py)."""
    with migrated_stores(work_dir / "data") as running:
        yield running


@pytest.fixture(scope="module")
def database_url(stores: ShardedStores) -> Iterator[str]:
    """Returns the SQLAlchemy URL of a fresh migrated database for the module."""
    name = f"parley_{next(_numbers)}"
    stores.postgres.create_database(name, TEMPLATE)
    yield stores.postgres.url(name, scheme="postgresql+psycopg")
    stores.postgres.drop_database(name)


@pytest.fixture(scope="module")
def empty_database_url(stores: ShardedStores) -> Iterator[str]:
    """Returns the URL of a fresh database without any migration."""
    name = f"parley_{next(_numbers)}"
    stores.postgres.create_database(name)
    yield stores.postgres.url(name, scheme="postgresql+psycopg")
    stores.postgres.drop_database(name)


@pytest.fixture(scope="module")
def redis_url(stores: ShardedStores) -> str:
    """Returns the URL of this test process's own Valkey, emptied for the module with those of the other shards."""
    stores.flush_redis()
    return stores.valkey.url()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client that returns raw bytes and does not retry, as in the application."""
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield client


@pytest.fixture
def redis_with_epoch(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """The client of a Redis that has only an epoch, as after the start of the first process."""
    redis_client.flushall()
    redis_client.set(keys.FIRST.epoch, "1:0")
    yield redis_client
    redis_client.flushall()


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str) -> Settings:
    env = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "test-secret-key-of-32-characters!",
        **QUICK_PASSWORDS,
    }
    return Settings.from_env(env)


@pytest.fixture(scope="module")
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def make_stack(stores: ShardedStores, work_dir: Path, database_url: str, redis_url: str) -> Iterator[StackFactory]:
    """``make_stack(web=2, workers=2, env={...})`` starts a stack, waits until it is ready, and stops it with the
    module.

    Takes every argument of ``Stack``. ``database_url`` and ``redis_url`` are the module's unless given.
    """
    made: list[Stack] = []

    def start(**options: Any) -> Stack:
        options = {"database_url": database_url, "redis_url": redis_url, **options}
        stack = Stack(stores, work_dir / f"stack-{next(_numbers)}", **options)
        made.append(stack)
        _live_stacks.append(stack)
        return stack.start()

    yield start
    for stack in made:
        _live_stacks.remove(stack)
        stack.stop()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, make_stack: StackFactory) -> Stack:
    """Runs real gunicorn, a Celery worker and beat. A module may set ``STACK = {"web": 2, "env": {...}}``."""
    return make_stack(**getattr(request.module, "STACK", {}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the logs of the running servers to the report of a failed test."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {c.name}", _tail(c.log())) for stack in _live_stacks for c in stack.children]
    return report


def _tail(text: str, lines: int = 60) -> str:
    return "\n".join(text.splitlines()[-lines:])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Many tests wait for other processes, so a few cores serve twice as many test processes."""
    cores = os.cpu_count() or 1
    return max(cores, min(2 * cores, MAX_TEST_PROCESSES))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.support.scheduling import SharedServerScheduling

    return SharedServerScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the folders with the largest shares first, so that the run does not end with one busy process."""
    items.sort(key=lambda item: _first(item.path.relative_to(TESTS).parts[0]))


def _first(folder: str) -> int:
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def pytest_configure(config: pytest.Config) -> None:
    """Keeps the settings of a developer's shell out of the tests, and names the directory of the store template."""
    garbage.pause()
    config.stash[_TEMPLATE_DIRECTORY] = store_template.choose_directory()
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "CELERY_BROKER_URL",
        "APP_ENV",
        "SECRET_KEY",
        "PORT",
        "WEB_CONCURRENCY",
    ):
        os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    garbage.resume()


def pytest_unconfigure(config: pytest.Config) -> None:
    forks.close_templates()
    directory = config.stash.get(_TEMPLATE_DIRECTORY, None)
    if directory is not None:
        store_template.remove_directory(directory)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-runs", type=int, default=0, help="seeded runs of each fault scenario (short form: 1)")
