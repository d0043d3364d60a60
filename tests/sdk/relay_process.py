"""A relay in a process of its own: ``python -m tests.sdk.relay_process DATABASE_URL PARLEY_URL KEY``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import parley_sdk
from parley_sdk import ParleyServer, Retry
from parley_sdk.outbox import Relay
from sqlalchemy import URL, create_engine

from tests.sdk.host_database import outbox
from tests.support.processes import ROOT

Process = subprocess.Popen[bytes]


def start_relay(database: URL, parley_url: str, key: str, **options: Any) -> Process:
    url = database.render_as_string(hide_password=False)
    return start_module("tests.sdk.relay_process", url, parley_url, key, **options)


def start_module(name: str, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> Process:
    """Starts a Python module that finds the SDK."""
    command = [sys.executable, "-m", name, *arguments]
    paths = {"PYTHONPATH": str(Path(parley_sdk.__file__).parents[1])}
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {}), **paths}, **options)


def main(database_url: str, parley_url: str, key: str) -> None:
    with ParleyServer(parley_url, key, trust_env=False) as server:
        relay = Relay(outbox.table, create_engine(database_url), server, pauses=Retry(first_pause=0.01))
        relay.run_forever(threading.Event(), every=0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
