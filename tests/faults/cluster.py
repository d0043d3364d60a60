"""Two gateways, two workers and their stores, with one method per fault. `check_bounds` checks invariant I7."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from dev.processes import wait_until
from tests.faults.outside import Outside
from tests.support.private_stack import UNLIMITED, private_stores, running
from tests.support.processes import Child, Stack, group_members
from tests.support.tcp_proxy import TcpProxy

MAX_RSS = 400 * 1024 * 1024  # a process of the stack needs about 100 MB under this load
MAX_POSTGRES_CONNECTIONS = 60
MAX_REDIS_CONNECTIONS = 120
POSTGRES_CLIENTS = "select count(*) from pg_stat_activity where backend_type = 'client backend'"


class Cluster:
    """``to_postgres`` is a proxy between the workers (not the gateways) and Postgres."""

    def __init__(self, stack: Stack, to_postgres: TcpProxy) -> None:
        self.stack, self.stores, self.to_postgres = stack, stack.stores, to_postgres
        self.log_dir: Path = stack.log_dir

    @property
    def urls(self) -> list[str]:
        return self.stack.base_urls

    @property
    def database_url(self) -> str:
        return self.stores.postgres.url()

    def heal(self) -> None:
        """Repairs the damage of the last scenario: stores up, processes running, gateways ready."""
        self.to_postgres.heal()
        self.start_stores()
        for child in self.stack.children:
            if child.running():
                child.signal(signal.SIGCONT)
            else:
                child.start()
        for index in range(len(self.stack.web)):
            self.stack.wait_ready(index)

    def start_stores(self) -> None:
        """Starts each store that has ended, as a platform does."""
        self.stores.start_servers()
        if not self.stores.postgres.running():
            self.stores.postgres.start()

    # -- parts -----------------------------------------------

    def web_children(self, index: int) -> list[psutil.Process]:
        """Returns the gevent workers below gunicorn's arbiter, which are the gateway itself."""
        return _below(self.stack.web[index])

    def worker_children(self, index: int) -> list[psutil.Process]:
        """Returns Celery's pool: the processes that run the drain."""
        return _below(self.stack.workers[index])

    def restart(self, child: Child) -> None:
        child.start()

    @contextmanager
    def frozen(self, child: Child) -> Iterator[None]:
        child.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            child.signal(signal.SIGCONT)

    def cut_append_only_file(self, size: int) -> None:
        """Removes the last bytes of the stopped Valkey's newest file. Valkey then loads the rest."""
        newest = max(self.stores.directory.glob("valkey/**/*.incr.aof"), key=lambda path: path.stat().st_mtime)
        os.truncate(newest, max(0, newest.stat().st_size - size))

    # -- observing ---------------------------------------------

    def log_depth(self) -> int:
        """Returns the number of entries in the logs of all shards."""
        with self.stack.shards() as shards:
            return sum(int(shard.redis.xlen(shard.keys.log)) for shard in shards)

    def dead_letters(self) -> int:
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            row = connection.execute("select count(*) from dead_letters").fetchone()
        assert row is not None
        return int(row[0])

    def wait_drained(self, timeout: float = 30) -> None:
        wait_until(lambda: self.log_depth() == 0, timeout, "empty logs", every=0.1)

    def check_logs(self, secrets: list[str]) -> list[str]:
        """Returns a sentence for each process whose output holds one of the secrets."""
        logs = {child.name: child.log() for child in self.stack.children}
        return [f"the log of {name} holds a token" for name, log in logs.items() if any(one in log for one in secrets)]

    def check_bounds(self) -> list[str]:
        """Checks I7 (memory, queues and connections are bounded) and returns a sentence for each that is not."""
        self.wait_drained()
        found = []
        for child in self.stack.children:
            for process in group_members(os.getpgid(child.pid)):
                found += _excess_memory(child.name, process)
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            row = connection.execute(POSTGRES_CLIENTS).fetchone()
            assert row is not None
            found += _excess_count("Postgres connections", row[0], MAX_POSTGRES_CONNECTIONS)
        with self.stack.shards() as shards:
            for client in shards.by_client():
                info: Any = client.info("clients")
                found += _excess_count("Redis connections", info["connected_clients"], MAX_REDIS_CONNECTIONS)
        return found


def _below(child: Child) -> list[psutil.Process]:
    return psutil.Process(child.pid).children(recursive=True)


def _excess_memory(name: str, process: psutil.Process) -> list[str]:
    try:
        size = process.memory_info().rss
    except psutil.NoSuchProcess:
        return []
    return [f"I7 {name} ({process.pid}) holds {size >> 20} MB"] if size > MAX_RSS else []


def _excess_count(what: str, count: int, limit: int) -> list[str]:
    return [f"I7 {count} {what}"] if count > limit else []


@contextmanager
def cluster_running(
    env: dict[str, str] | None = None,
    prepare: Callable[[Stack], None] = lambda _stack: None,
    redis_url: str = "",
    **of_stores: Any,
) -> Iterator[Cluster]:
    """The stores are durable (fsync on), so a crash of a store costs as much as in production. ``prepare`` is called
    before the processes start; ``redis_url`` is of another Redis. Takes the other arguments of ``private_stores``.
    """
    with ExitStack() as stack_of:
        stores = stack_of.enter_context(private_stores(fsync=True, **of_stores))
        proxy = stack_of.enter_context(TcpProxy(stores.postgres.port))
        urls = {"database_url": stores.postgres.url(), "redis_url": redis_url or stores.valkey.url()}
        settings = {**UNLIMITED, "WORKER_CONCURRENCY": "4", **(env or {})}
        stack = Stack(stores, stores.directory / "logs", web=2, workers=2, env=settings, **urls)
        for worker in stack.workers:
            worker.env["DATABASE_URL"] = url_through(proxy, stores.postgres.url(), stores.postgres.port)
        prepare(stack)
        yield Cluster(stack_of.enter_context(running(stack)), proxy)


class OnOther(Cluster):
    """A cluster on another Redis than the one server of most scenarios. ``redis`` is a RedisCluster or Sentinels."""

    redis: Any

    def heal(self) -> None:
        super().heal()
        self.redis.heal()


@contextmanager
def cluster_on(
    redis: Any, outside: Outside, prepare: Callable[[Stack], None] = lambda _stack: None
) -> Iterator[OnOther]:
    """Runs the processes of a cluster on this Redis."""
    env = {"OUTBOX_EVENTS": "200", "PING_SECONDS": "2", "WRITE_STALL_SECONDS": "3"} | outside.settings()
    with cluster_running(env, prepare, redis_url=redis.url) as plain:
        made = OnOther(plain.stack, plain.to_postgres)
        made.redis = redis
        outside.subscribe(made.urls[0])
        yield made


def url_through(proxy: TcpProxy, url: str, port: int) -> str:
    return url.replace(f":{port}/", f":{proxy.port}/")


def lasted(seconds: float) -> Callable[[], bool]:
    """Returns a condition that becomes true after this many seconds, for outages of a fixed length."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def until(done: Callable[[], Any], timeout: float, what: str) -> Any:
    return wait_until(done, timeout, what, every=0.05)
