"""A worker process loads only the modules that its tasks need."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import ROOT, base_env

TASKS = ("tasks.accounts", "tasks.maintenance", "tasks.persist_messages", "tasks.process_media", "tasks.send_push")
CODE = f"""
import sys, {", ".join(TASKS)}
print([name for name in ("flask", "gevent", "app.gateway", "app.api", "app.transports") if name in sys.modules])
"""


def test_worker_loads_neither_flask_nor_gevent_nor_the_gateway() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=base_env(), capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
