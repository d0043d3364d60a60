"""Each process loads only the modules that it needs. Each of those named here takes 1 to 10 MiB."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.processes import ROOT, SECRET_KEY, base_env

CODE = """
import sys
{imports}
print([name for name in {unwanted} if name in sys.modules])
"""
WORKER = """
import tasks.worker, celery.apps.worker, celery.concurrency.prefork, tasks.worker_process
for name in tasks.celery_app.conf.imports:
    __import__(name)
tasks.worker_process.container()
"""
BEAT = "import tasks.beat, celery.apps.beat, tasks.beat_scheduler, kombu.transport.redis"
WEB = "import gunicorn.app.wsgiapp, app.web_worker, wsgi"
SHELL = ("celery.bin.celery", "prompt_toolkit", "pygments")  # of Celery's command line
PUSH = ("requests", "firebase_admin", "pywebpush", "py_vapid", "cloudinary", "PIL")
SIGNING_IN = ("jwt", "cryptography.hazmat.primitives", "argon2", "app.bootstrap.build")
SERVING = ("flask", "gevent", "app.gateway", "app.api", "app.transports")
STORING = ("sqlalchemy", "psycopg", "tasks.maintenance")


@pytest.mark.parametrize(
    ("imports", "unwanted"),
    [
        (WORKER, (*SHELL, *PUSH, *SIGNING_IN, *SERVING)),
        (BEAT, (*SHELL, *PUSH, *SIGNING_IN, *SERVING, *STORING)),
        (WEB, (*SHELL, *(name for name in PUSH if name != "py_vapid"), "tasks")),
    ],
    ids=["worker", "beat", "web"],
)
def test_process_loads_only_what_it_needs(imports: str, unwanted: tuple[str, ...]) -> None:
    stores = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1"}
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(imports=imports, unwanted=unwanted)],
        cwd=ROOT,
        env=base_env(SECRET_KEY=SECRET_KEY, **stores),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr
