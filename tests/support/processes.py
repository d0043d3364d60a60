"""``Stack``: the Procfile's own processes as children, with handles to kill, freeze and restart each one.

Every process runs in its own session, writes to its own log file, and ends with the test process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

from app.core.password_cost import MEMORY_KIB, PASSES
from app.message_log.shards import Shards
from dev.processes import Guard, free_port, signal_group, wait_until
from tests.support import forks
from tests.support.shards import ShardedStores, connected_shards

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
SECRET_KEY = "test-secret-key-of-32-characters!"
# The tests register thousands of users, at 20 ms of CPU each.
QUICK_PASSWORDS = {"PASSWORD_MEMORY_KIB": "8", "PASSWORD_PASSES": "1"}
REAL_PASSWORDS = {"PASSWORD_MEMORY_KIB": str(MEMORY_KIB), "PASSWORD_PASSES": str(PASSES)}
STOP_SECONDS = 25.0  # a platform kills after 30


def procfile() -> dict[str, str]:
    """Returns the commands of the Procfile by process name."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines if line and not line.startswith("#"))


def program_of(command: str) -> str:
    """Returns the name of the process of the Procfile that the command starts; "" for another command."""
    return next((name for name, line in procfile().items() if command == f"exec {line}"), "")


def base_env(**more: str) -> dict[str, str]:
    """Returns this process's environment without settings, with this interpreter's directory first in PATH."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}"
    # All accounts of the tests are new. Some tests open many conversations, and strangers watch each other.
    unlimited = {"NEW_ACCOUNT_CONVERSATIONS": "0", "PRESENCE_VISIBLE": "everyone", "REFUSALS_PER_SECOND": "0"}
    passwords = {} if more.get("APP_ENV") == "production" else QUICK_PASSWORDS  # which production refuses
    return {**kept, "PATH": path, "PYTHONUNBUFFERED": "1", **unlimited, **passwords, **more}


@dataclass
class Child:
    """One process group with its log. If it is ``forked``, a command of the Procfile may start by a fork."""

    name: str
    command: str
    env: dict[str, str]
    log_path: Path
    guard: Guard
    forked: bool = False
    process: subprocess.Popen[bytes] | forks.Forked | None = field(default=None)

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was not started"
        return self.process.pid

    def start(self) -> None:
        program = program_of(self.command) if self.forked else ""
        with self.log_path.open("ab") as log:
            if forks.can_fork(program, self.env):
                self.process = forks.fork(program, self.command, self.env, self.log_path, self.log_path)
            else:
                self.process = self._execute(log)
        self.guard.add(self.pid, signal.SIGKILL)

    def _execute(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["/bin/sh", "-c", self.command],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, signum: signal.Signals) -> None:
        """Sends the signal to the whole group, as a platform does."""
        signal_group(self.pid, signum)

    def kill(self) -> None:
        """Kills the whole group with SIGKILL and waits until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(5.0)

    def wait(self, timeout: float) -> int:
        assert self.process is not None
        code = self.process.wait(timeout)
        wait_until(lambda: not group_members(self.pid), timeout, f"the children of {self.name}")
        self.guard.drop(self.pid)
        return code

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def group_members(group: int) -> list[psutil.Process]:
    """Returns the living processes of a process group, without zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


class Stack:
    """``web`` gateways on ports of their own, ``workers`` Celery workers and one beat over the given stores.

    ``base_urls[i]`` is the address of gateway i (``http://127.0.0.1:…``). ``env`` adds settings for all processes.
    ``database_url`` and ``redis_url`` may lead through a proxy to the stores. With ``forked=False``, every process is
    the program of the Procfile from its first instruction on.
    """

    def __init__(
        self,
        stores: ShardedStores,
        log_dir: Path,
        *,
        database_url: str,
        redis_url: str,
        web: int = 1,
        workers: int = 1,
        beat: bool = True,
        forked: bool = True,
        env: dict[str, str] | None = None,
    ) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self.stores = stores
        self.log_dir = log_dir
        self._forked = forked
        settings = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "HOST": "127.0.0.1"}
        settings["MEDIA_DIR"] = str(log_dir / "media")
        settings |= stores.settings(redis_url)
        self.env = base_env(**{**settings, **(env or {})})
        self.web = [self._child("web", i, {"PORT": str(free_port())}) for i in range(web)]
        self.workers = [self._child("worker", i) for i in range(workers)]
        self.beat = self._child("beat", 0) if beat else None

    @property
    def base_url(self) -> str:
        return self.base_urls[0]

    @property
    def base_urls(self) -> list[str]:
        return [f"http://127.0.0.1:{child.env['PORT']}" for child in self.web]

    def shards(self) -> AbstractContextManager[Shards]:
        """``with stack.shards() as shards`` connects to the Redis of each shard; ``shards.of(conversation)`` finds
        one. Keys that exist once are beside the first shard.
        """
        return connected_shards(self.env)

    @property
    def children(self) -> list[Child]:
        return [*self.web, *self.workers, *([self.beat] if self.beat else [])]

    def start(self) -> Stack:
        """Starts all processes and returns when every /readyz is 200.

        On failure, stops and raises with the ends of the logs.
        """
        for child in self.children:
            child.start()
        try:
            for index in range(len(self.web)):
                self.wait_ready(index)
        except BaseException:
            self.stop(timeout=5.0)
            raise
        return self

    def stop(self, timeout: float = STOP_SECONDS) -> dict[str, int]:
        """Sends SIGTERM to all at once, as a platform does, and SIGKILL after ``timeout``.

        Returns exit codes by name.
        """
        running = [child for child in self.children if child.running()]
        for child in running:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout
        return {child.name: _end(child, deadline - time.monotonic()) for child in running}

    def wait_ready(self, index: int = 0, timeout: float = START_SECONDS) -> None:
        child = self.web[index]

        def ready_or_dead() -> bool:
            return not all(c.running() for c in self.children if c.process) or answers(
                self.base_urls[index] + "/readyz"
            )

        try:
            wait_until(ready_or_dead, timeout, f"{child.name} /readyz", every=0.1)
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{self.logs(40)}") from None
        dead = [c.name for c in self.children if c.process and not c.running()]
        if dead and not answers(self.base_urls[index] + "/readyz"):
            raise RuntimeError(f"{', '.join(dead)} ended while starting\n{self.logs(40)}")

    def kill_web(self, index: int) -> None:
        self.web[index].kill()

    def start_web(self, index: int) -> None:
        self.web[index].start()
        self.wait_ready(index)

    def kill_worker(self, index: int) -> None:
        self.workers[index].kill()

    def start_worker(self, index: int) -> None:
        self.workers[index].start()

    def kill_worker_children(self, index: int) -> None:
        """Kills the pool processes that run the tasks with SIGKILL; their parent lives."""
        for process in group_members(self.workers[index].pid):
            if process.pid != self.workers[index].pid and process.ppid() != self.workers[index].pid:
                process.kill()

    def stop_postgres(self, *, immediately: bool = True) -> None:
        if immediately:
            self.stores.postgres.stop_immediately()
        else:
            self.stores.postgres.stop()

    def start_postgres(self) -> None:
        self.stores.postgres.start()

    def kill_redis(self) -> None:
        self.stores.valkey.kill()

    def restart_redis(self, *, aof: bool = True) -> None:
        """Starts Valkey again after ``kill_redis``; with ``aof=False`` all its data is lost."""
        if not aof:
            self.stores.valkey.wipe()
        self.stores.valkey.start()

    def logs(self, lines: int | None = None) -> str:
        """Returns all logs, or the last ``lines`` of each."""
        parts = []
        for child in self.children:
            text = child.log().splitlines()
            parts.append(f"--- {child.name}\n" + "\n".join(text[-lines:] if lines else text))
        return "\n".join(parts)

    def _child(self, kind: str, index: int, env: dict[str, str] | None = None) -> Child:
        name = f"{kind}.{index + 1}"
        # With exec, the child process is the server itself and not a shell around it.
        command, log = f"exec {procfile()[kind]}", self.log_dir / f"{name}.log"
        return Child(name, command, {**self.env, **(env or {})}, log, self.stores.guard, self._forked)


def answers(url: str) -> bool:
    """Returns whether a GET is answered with 200 within 2 s."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(child: Child, timeout: float) -> int:
    try:
        return child.wait(max(0.1, timeout))
    except (subprocess.TimeoutExpired, TimeoutError):
        child.kill()
        return -signal.SIGKILL
