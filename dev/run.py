"""`make run`: runs the stores, migrations, demo users and the Procfile's processes, until Ctrl-C or one of them ends.

Invariants: everything that was started here is stopped here within 10 s, the stores last. If this process is
killed, its guard ends the others. An error that a person can fix is one line, without a traceback.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

from app.config_values import read_addresses
from dev import banner, procfile, secret_key
from dev.embedded import EmbeddedStores
from dev.probes import check_postgres, check_redis, existing
from dev.processes import Guard, StartError, port_is_taken

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60.0
# Seconds in which gateways close their sessions. Short, because no other gateway takes the reconnects in development.
DRAIN_SECONDS = "3"
# For one developer. A reader that waits for its pages itself saves three processes, and nothing subscribes.
SMALL_POSTGRES = {
    "shared_buffers": "32MB",
    "wal_buffers": "1MB",
    "io_method": "sync",
    "max_logical_replication_workers": "0",
}


def main() -> int:
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _leave)
    stores: EmbeddedStores | None = None
    try:
        port = _port()
        stores = _stores(port)
        env = _environment(port, stores.start().environment())
        env.setdefault("MEDIA_DIR", str(stores.directory / "media"))
        if (
            not (env.get("SECRET_KEY") or env.get("SECRET_KEYS"))
            and stores.all_embedded
            and env.get("APP_ENV") != "production"
        ):
            env["SECRET_KEY"] = secret_key.kept_in(stores.directory)
        _set_outbox(env, stores.directory)
        lines = procfile.commands(ROOT / "Procfile")
        _release(lines.pop("release"), env)
        return _run(lines, env, stores.guard, started)
    except StartError as error:
        print(f"parley: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        # A second Ctrl-C must not leave the stores running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if stores is not None:
            stores.close()


def _leave(_signum: int, _frame: FrameType | None) -> None:
    sys.exit(143)


def _port() -> int:
    raw = os.environ.get("PORT") or "8000"
    if not raw.isdigit() or not 0 < int(raw) < 65536:
        raise StartError(f"PORT={raw} is not a port number.")
    if port_is_taken(int(raw)):
        raise StartError(f"port {raw} is taken; choose another one: make run PORT={min(int(raw) + 1, 65535)}")
    return int(raw)


def _stores(port: int) -> EmbeddedStores:
    """Returns embedded stores if no URL is set. Each port has its own directory, so copies can run side by side."""
    given_postgres, given_redis = os.environ.get("DATABASE_URL"), str(read_addresses(os.environ)["redis_url"])
    if given_postgres:
        check_postgres(given_postgres)
    if given_redis:
        check_redis(given_redis)
    directory = Path(os.environ.get("PARLEY_DATA") or ROOT / ".data" / str(port))
    return EmbeddedStores(
        directory, postgres=not given_postgres, valkey=not given_redis, postgres_options=SMALL_POSTGRES
    )


def _environment(port: int, stores: dict[str, str]) -> dict[str, str]:
    env = {**os.environ, **stores, "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}"
    env.setdefault("DRAIN_SECONDS", DRAIN_SECONDS)
    env.setdefault("HOST", "127.0.0.1")
    env.setdefault("STRICT_REQUESTS", "true")
    shards = env.get("SHARDS") or read_addresses(env).get("shards", 1)
    if str(shards) == "1":
        env.setdefault("WORKER_CONCURRENCY", "3")
    if not _has_no_demo(env):
        env["DEMO_KEY"] = secrets.token_urlsafe(24)
    return env


def _set_outbox(env: dict[str, str], directory: Path) -> None:
    """Makes Parley write mails into the data directory, unless a mail server is set."""
    env.setdefault("PUBLIC_URL", _address(env))
    if not env.get("MAIL_URL") and env.get("APP_ENV") != "production":
        env["MAIL_URL"] = (directory.resolve() / "outbox").as_uri()
        env.setdefault("MAIL_FROM", "Parley <parley@localhost>")


def _address(env: dict[str, str]) -> str:
    """Returns the server's address for a browser on this machine."""
    host = "127.0.0.1" if env["HOST"] in ("0.0.0.0", "::") else env["HOST"]  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{env['PORT']}"


def _has_no_demo(env: dict[str, str]) -> bool:
    """Returns whether there are no demo users: in production, and with an external user service."""
    return bool(env.get("APP_ENV") == "production" or env.get("JWT_JWKS_URL") or env.get("JWT_PUBLIC_KEY"))


def _release(command: str, env: dict[str, str]) -> None:
    shell = ["/bin/sh", "-c", command]
    result = subprocess.run(shell, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        print(result.stdout + result.stderr, file=sys.stderr)
        raise StartError(f"`{command}` failed (exit {result.returncode}); its output is above.")


def _demo_users(env: dict[str, str]) -> tuple[dict[str, int], subprocess.Popen[str] | None]:
    """Returns the demo users if they exist; otherwise starts a process that creates them, and returns it.

    It runs while the servers start, because they spend their first second importing.
    """
    if _has_no_demo(env):
        return {}, None
    people = existing(env["DATABASE_URL"], banner.NAMES)
    if len(people) == len(banner.NAMES):
        return people, None
    command = [sys.executable, "-m", "dev.demo_users"]
    return {}, subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )


def _run(lines: dict[str, str], env: dict[str, str], guard: Guard, started: float) -> int:
    people, demo = _demo_users(env)
    stopped = threading.Event()

    def announce() -> None:
        try:
            people.update(_made(demo))
            _wait_ready(f"{_address(env)}/readyz", stopped)
        except StartError as error:
            print(f"parley: {error}", file=sys.stderr, flush=True)
            return
        if not stopped.is_set():
            seconds = time.monotonic() - started
            banner.show(_address(env), people, env.get("DEMO_KEY", ""), seconds, env.get("MAIL_URL", ""))

    watcher = threading.Thread(target=announce)
    processes = procfile.Processes(guard, on_started=watcher.start)
    for name, command in lines.items():
        # exec replaces the shell with the server, so that its exit code and signals are the server's.
        processes.add_process(name, f"exec {command}", env=env, cwd=str(ROOT))
    try:
        processes.loop()
    finally:
        stopped.set()
        if demo is not None:
            demo.kill()
        processes.kill_leftovers()
        if watcher.ident is not None:
            watcher.join()
    if processes.ended_first:
        print(f"parley: {processes.ended_first} ended, so everything was stopped.", file=sys.stderr)
        return 1
    return int(processes.returncode or 0)


def _made(demo: subprocess.Popen[str] | None) -> dict[str, int]:
    """Waits for the process and returns the name and id of each demo user. Raises StartError if it failed."""
    if demo is None:
        return {}
    out, errors = demo.communicate()
    if demo.returncode > 0:
        print(errors, file=sys.stderr)
        raise StartError("the demo users could not be created; the reason is above.")
    return {name: int(user_id) for name, user_id in (line.split() for line in out.splitlines())}


def _wait_ready(url: str, stopped: threading.Event) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(url) and not stopped.wait(0.2):
        if time.monotonic() > deadline:
            raise StartError(f"{url} is still not ready; the lines above may show the reason.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
