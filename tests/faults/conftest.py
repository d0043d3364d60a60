"""One cluster for all scenarios of a test process, repaired before each; seeds; the verdict after each."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster import Cluster, cluster_running
from tests.faults.crowd import Crowd, chattering
from tests.faults.outside import Outside, outside_world

Chat = Callable[..., AbstractContextManager[Crowd]]


def fault_runs(config: pytest.Config) -> int:
    """Returns ``--fault-runs`` or PARLEY_FAULT_RUNS; 1 is the short form."""
    return int(config.getoption("--fault-runs") or os.environ.get("PARLEY_FAULT_RUNS") or 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs every scenario once per seed; PARLEY_FAULT_SEED sets the first seed."""
    if "seed" in metafunc.fixturenames:
        first = int(os.environ.get("PARLEY_FAULT_SEED") or 1)
        metafunc.parametrize("seed", range(first, first + fault_runs(metafunc.config)), ids=lambda s: f"seed={s}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds a line about each run to the file PARLEY_FAULT_REPORT, if it is set (report.py)."""
    report = yield
    path = os.environ.get("PARLEY_FAULT_REPORT")
    seed = getattr(item, "callspec", None) and item.callspec.params.get("seed")
    if path and seed is not None and (report.when == "call" or report.failed):
        fault = item.name.partition("[")[0].removeprefix("test_").replace("_", " ")
        more = [str(value) for name, value in item.callspec.params.items() if name != "seed"]
        line = {"fault": ": ".join([fault, *more]), "seed": seed, "passed": report.passed, "date": time.strftime("%F")}
        if call.excinfo is not None:
            line["why"] = str(call.excinfo.value)[:2000]
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({**line, **dict(item.user_properties)}) + "\n")
    return report


@pytest.fixture(scope="package")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Returns whether outages may take as long as in production."""
    return fault_runs(request.config) > 1


@pytest.fixture(scope="package")
def outside() -> Iterator[Outside]:
    with outside_world() as made:
        yield made


@pytest.fixture(scope="package")
def shared_cluster(long_form: bool, outside: Outside) -> Iterator[Cluster]:
    env = {"OUTBOX_EVENTS": "200"} | ({} if long_form else {"PING_SECONDS": "2", "WRITE_STALL_SECONDS": "3"})
    with cluster_running(env | outside.settings()) as cluster:
        outside.subscribe(cluster.urls[0])
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
def chat(cluster: Cluster, outside: Outside, seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> Chat:
    """``with chat() as crowd``: pairs talk, some also in groups. At the end all invariants are checked."""

    @contextmanager
    def talk(**options: Any) -> Iterator[Crowd]:
        path = tmp_path / "clients.jsonl"
        with chattering(cluster.urls, path, seed, outside=outside, **options) as crowd:
            yield crowd
            request.node.user_properties += crowd.figures()
            found = crowd.finish(cluster.database_url)
            found += cluster.check_bounds() + cluster.check_logs(crowd.secrets())
            assert not found, f"seed {seed}: {len(found)} violations\n" + "\n".join(found[:20])

    return talk
