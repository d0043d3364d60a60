"""Who decodes strangers' bytes: a worker, never a web process."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import ROOT, base_env


def loaded(statement: str) -> set[str]:
    env = base_env(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", REDIS_URL="redis://127.0.0.1:1/0")
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_web_process_loads_no_decoder_and_no_sdk_that_it_does_not_use() -> None:
    assert not {"PIL", "av", "cloudinary"} & loaded("import wsgi")


def test_a_worker_has_them() -> None:
    assert {"PIL", "av"} <= loaded("import tasks.process_media")
