"""A web process that refuses to start prints one line and exits with one status, however many workers it has."""

from __future__ import annotations

import subprocess

import pytest

from app.config import CONFIG_EXIT_STATUS
from dev.processes import free_port
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, SECRET_KEY, base_env, procfile


@pytest.mark.parametrize("workers", ["1", "3"])
def test_wrong_setting_is_one_line_of_all_workers(workers: str) -> None:
    env = base_env(
        DATABASE_URL="postgresql://127.0.0.1:1/x",
        REDIS_URL="redis://127.0.0.1:1/0",
        SECRET_KEY=SECRET_KEY,
        SHARDS="3",
        HOST="127.0.0.1",
        PORT=str(free_port()),
        WEB_CONCURRENCY=workers,
    )
    ended = subprocess.run(
        f"exec {procfile()['web']}",
        shell=True,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    printed = ended.stdout + ended.stderr
    assert ended.returncode == CONFIG_EXIT_STATUS, printed
    assert "Traceback" not in printed
    assert [line for line in printed.splitlines() if "parley:" in line] == [
        "parley: SHARDS must be a power of two, from 1 to 64, not 3."
    ]
