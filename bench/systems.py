"""The two systems: how to start each on fresh data, create its users and open its sessions."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from bench import seed
from bench.drivers import parley as parley_driver
from bench.drivers.socketio import SocketIoSession
from bench.ledger import Listener
from bench.loop import BenchError, Loop
from bench.stack import Stack, free_port, http_ok

ROOT = Path(__file__).resolve().parent.parent
SECRET = "bench-secret-key-that-signs-nothing-of-worth-0123456789"


class System:
    """One system under test. Users are numbered from 0; ``user_ids`` holds the system's own ids."""

    name = ""

    def __init__(self, directory: Path, cores: set[int], web_processes: int = 1) -> None:
        self.stack = Stack(directory, cores)
        self.web_processes = web_processes
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.database_url = ""
        self.user_ids: list[int] = []
        self.tokens: list[str] = []

    def start(self, users: int) -> None:
        raise NotImplementedError

    def session(self, loop: Loop, user: int, listener: Listener, fetch_unread: bool = False) -> Any:
        """Opens an authenticated session over WebSocket, which calls ``listener.ready`` when it has joined."""
        raise NotImplementedError

    def open_conversations(self, pairs: list[tuple[int, int]]) -> list[int]:
        """Returns the target of a message to the second user of each pair. Not measured."""
        raise NotImplementedError

    def open_group(self, members: range) -> int:
        """Creates a group of these users and returns the target of its messages. Not measured."""
        raise NotImplementedError

    def member_session(self, loop: Loop, user: int, listener: Listener, group: int) -> Any:
        """Opens a session that receives the messages of the group once it has joined, and sends to it."""
        return self.session(loop, user, listener)

    def stop(self) -> None:
        self.stack.stop()


class FlaskSocketIo(System):
    name = "peer"

    def start(self, users: int) -> None:
        python, here = peer_python(), ROOT / "bench" / "peers" / "flask_socketio"
        self.database_url = self.stack.start_postgres()
        env = clean_env() | {
            "DATABASE_URL": self.database_url.replace("postgresql://", "postgresql+psycopg://"),
            "REDIS_URL": self.stack.start_redis(append_only=False),
            "SECRET_KEY": SECRET,
        }
        _run([str(python), "create_tables.py", str(users)], env, here)
        gunicorn = [str(python), "-m", "gunicorn", "-k", "gevent", "-w", str(self.web_processes)]
        where = ["-b", f"127.0.0.1:{self.port}", "--worker-connections", "12000", "--backlog", "4096"]
        self.stack.start("web", [*gunicorn, *where, "server:app"], env, here)
        self.stack.wait_for("Flask-SocketIO", lambda: http_ok(f"http://127.0.0.1:{self.port}/healthz"))
        self.user_ids = list(range(1, users + 1))
        self.tokens = seed.plain_tokens(self.user_ids, SECRET)

    def session(self, loop: Loop, user: int, listener: Listener, fetch_unread: bool = False) -> SocketIoSession:
        return SocketIoSession(loop, self.address, self.tokens[user], listener)

    def open_conversations(self, pairs: list[tuple[int, int]]) -> list[int]:
        return [self.user_ids[receiver] for _, receiver in pairs]

    def open_group(self, members: range) -> int:
        return seed.peer_group(self.database_url, [self.user_ids[number] for number in members])

    def member_session(self, loop: Loop, user: int, listener: Listener, group: int) -> SocketIoSession:
        return SocketIoSession(loop, self.address, self.tokens[user], listener, group)


class Parley(System):
    name = "parley"
    settings: ClassVar[dict[str, str]] = {}  # override the settings below

    def start(self, users: int) -> None:
        self.database_url = self.stack.start_postgres()
        self.redis_url = self.stack.start_redis(append_only=True)
        env = clean_env() | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": SECRET,
            "APP_ENV": "production",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(self.web_processes),
            # The generator is one client with the load of thousands, but the limits are meant for people.
            "SEND_RATE": "1000000",
            "SEND_BURST": "1000000",
            "AUTH_ATTEMPTS_PER_MINUTE": "1000000",
            "WRITES_PER_MINUTE": "0",
            "NEW_ACCOUNT_CONVERSATIONS": "0",
            "CONNECTIONS_PER_SECOND": "0",
            # The longest run of all scenarios lasts longer than the default of 15 minutes.
            "ACCESS_TOKEN_SECONDS": "7200",
            **self.settings,
        }
        procfile = read_procfile(ROOT / "Procfile")
        _run(["/bin/sh", "-c", procfile["release"]], env, ROOT)
        for role in ("web", "worker", "beat"):
            self.stack.start(role, ["/bin/sh", "-c", "exec " + procfile[role]], env, ROOT)
        self.stack.wait_for("Parley", lambda: http_ok(f"http://127.0.0.1:{self.port}/readyz"))
        self.user_ids, self.tokens = seed.parley_users(users, env)

    def session(self, loop: Loop, user: int, listener: Listener, fetch_unread: bool = False) -> Any:
        return parley_driver.WebSocketSession(loop, self.address, self.tokens[user], listener, fetch_unread)

    def reader(self, transport: str, loop: Loop, user: int, listener: Listener) -> Any:
        """Opens a session that only reads, by ``sse`` or ``longpoll``."""
        kind = {"sse": parley_driver.SseReader, "longpoll": parley_driver.LongPollReader}[transport]
        return kind(loop, self.address, self.tokens[user], listener)

    def open_conversations(self, pairs: list[tuple[int, int]]) -> list[int]:
        return seed.open_conversations(self.address, self.tokens, self.user_ids, pairs)

    def open_group(self, members: range) -> int:
        return seed.open_group(self.address, self.tokens, self.user_ids, members)


def read_procfile(path: Path) -> dict[str, str]:
    if not path.exists():
        raise BenchError(f"{path} does not exist")
    lines = (line.partition(":") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name.strip(): command.strip() for name, _, command in lines}


def clean_env() -> dict[str, str]:
    """Returns our environment without variables that configure the systems; this interpreter's programs come first."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
    kept["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    return kept


def _run(command: list[str], env: dict[str, str], cwd: Path) -> None:
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")


def peer_python() -> Path:
    """Returns the peer's own interpreter. Its environment is created once per version of its requirements."""
    requirements = ROOT / "bench" / "peers" / "flask_socketio" / "requirements.txt"
    venv = ROOT / ".data" / "bench" / f"peer-{sha256(requirements.read_bytes()).hexdigest()[:12]}"
    python = venv / "bin" / "python"
    if not (venv / "complete").exists():
        print("creating the peer's virtual environment…", flush=True)
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(requirements)], check=True)
        (venv / "complete").touch()
        print(f"  {time.monotonic() - began:.0f} s")
    return python
