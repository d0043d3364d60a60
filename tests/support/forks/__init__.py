"""Starts servers and commands of the tests as forks of a process that has made their imports already (template.py).

Nearly all CPU time of a start is imports: a stack of forks takes a quarter of it. A fork is a process like any other:
with a session, an environment, a log, sockets and an exit code of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from dev.processes import wait_until

ROOT = Path(__file__).parents[3]
MODULE = f"{__name__}.template"
# The template that has the imports of a process of the Procfile, or of a program.
TEMPLATES = {"web": "web", "flask": "web", "worker": "worker", "beat": "worker", "python": "worker"}
# A template has only these variables. None is a setting.
COMMON = ("HOME", "LANG", "PATH", "PYTHONUNBUFFERED", "TMPDIR", "USER")
# Variables that a program reads before its first import, or that name modules to import.
READ_EARLY = ("LD_", "PYTHON", "PSYCOPG_", "GEVENT")


class Forked:
    """A forked process, with the methods of ``subprocess.Popen`` that the tests use."""

    def __init__(self, template: Template, pid: int) -> None:
        self._template, self.pid = template, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._template.ask(reap=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Returns the exit code, or raises TimeoutExpired."""
        try:
            wait_until(lambda: self.poll() is not None, timeout, f"the end of {self.pid}")
        except TimeoutError:
            raise subprocess.TimeoutExpired(str(self.pid), timeout) from None
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class Template:
    """A running template. It ends when this process does."""

    def __init__(self, kind: str, env: Mapping[str, str]) -> None:
        # In a session of its own, so that Ctrl-C does not reach it before the servers are stopped.
        pipe, command = subprocess.PIPE, [sys.executable, "-m", MODULE, kind]
        self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, start_new_session=True)
        self._lock = threading.Lock()

    def fork(self, command: str | list[str], env: Mapping[str, str], output: Path, errors: Path) -> Forked:
        """Returns when the fork has its process group."""
        return Forked(self, self.ask(command=command, env=dict(env), output=str(output), errors=str(errors)))

    def ask(self, **request: Any) -> Any:
        with self._lock:
            self._pipe(self._process.stdin).write(json.dumps(request).encode() + b"\n")
            self._pipe(self._process.stdin).flush()
            answer = self._pipe(self._process.stdout).readline()
        if not answer:
            raise RuntimeError(f"the template of the servers has ended with code {self._process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            self._pipe(pipe).close()
        self._process.wait()

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


_running: dict[str, Template] = {}


def can_fork(kind: str, env: Mapping[str, str]) -> bool:
    """Returns whether a fork equals a start of the program ``kind`` with ``env``.

    Forks are unsafe on macOS, whose frameworks start threads. PARLEY_TEST_FORKS=0 turns forks off.
    """
    early = [name for name in env if name.startswith(READ_EARLY) and name != "PYTHONUNBUFFERED"]
    return kind in TEMPLATES and not early and sys.platform == "linux" and os.environ.get("PARLEY_TEST_FORKS") != "0"


def common(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in COMMON if name in env}


def fork(kind: str, command: str | list[str], env: Mapping[str, str], output: Path, errors: Path) -> Forked:
    """Starts a command, given as for a shell or as its words. Starts the template if it does not run yet. ``env`` must
    be one that ``can_fork``.
    """
    name = TEMPLATES[kind]
    if name not in _running:
        _running[name] = Template(name, common(env))
    return _running[name].fork(command, env, output, errors)


def run(kind: str, command: list[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Does what ``subprocess.run`` does with captured output."""
    with tempfile.TemporaryDirectory(prefix="parley-test-") as directory:
        output, errors = Path(directory) / "output", Path(directory) / "errors"
        forked = fork(kind, command, env, output, errors)
        try:
            code = forked.wait(timeout)
        finally:
            forked.kill()
        return subprocess.CompletedProcess(command, code, output.read_text(), errors.read_text())


def close_templates() -> None:
    while _running:
        _running.popitem()[1].close()
