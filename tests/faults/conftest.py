"""One cluster for all scenarios of a test process, repaired before each; seeds; the verdict after each."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster import Cluster, cluster_running
from tests.faults.crowd import Crowd, chattering

Chat = Callable[..., AbstractContextManager[Crowd]]


def fault_runs(config: pytest.Config) -> int:
    """Returns ``--fault-runs`` or PARLEY_FAULT_RUNS; 1 is the short form."""
    return int(config.getoption("--fault-runs") or os.environ.get("PARLEY_FAULT_RUNS") or 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs every scenario once per seed; PARLEY_FAULT_SEED sets the first seed."""
    if "seed" in metafunc.fixturenames:
        first = int(os.environ.get("PARLEY_FAULT_SEED") or 1)
        metafunc.parametrize("seed", range(first, first + fault_runs(metafunc.config)), ids=lambda s: f"seed={s}")


@pytest.fixture(scope="package")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Returns whether outages may take as long as in production."""
    return fault_runs(request.config) > 1


@pytest.fixture(scope="package")
def shared_cluster(long_form: bool) -> Iterator[Cluster]:
    env = {"OUTBOX_EVENTS": "200"} | ({} if long_form else {"PING_SECONDS": "2", "WRITE_STALL_SECONDS": "3"})
    with cluster_running(env) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    shared_cluster.heal()
    yield shared_cluster
    shared_cluster.heal()


@pytest.fixture
def rng(seed: int) -> random.Random:
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def chat(cluster: Cluster, seed: int, tmp_path: Path) -> Chat:
    """``with chat() as crowd``: twenty pairs talk, some also in groups. At the end all invariants are checked."""

    @contextmanager
    def talk(**options: Any) -> Iterator[Crowd]:
        path = tmp_path / "clients.jsonl"
        with chattering(cluster.urls, path, seed, **options) as crowd:
            yield crowd
            found = crowd.finish(cluster.database_url)
            found += cluster.check_bounds()
            assert not found, f"seed {seed}: {len(found)} violations\n" + "\n".join(found[:20])

    return talk
