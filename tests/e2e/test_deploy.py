"""Starts Parley as a platform does: stores by URL, `release`, the Procfile's lines, and SIGTERM to all."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from dev.embedded import EmbeddedStores
from tests.support.processes import ROOT, STOP_SECONDS, Stack, base_env, procfile

ORIGIN = "https://chat.example"
# Set by Heroku's Python buildpack and router.
PLATFORM = {
    "APP_ENV": "production",
    "SECRET_KEY": "a-production-key-of-more-than-32-characters",
    "ALLOWED_ORIGINS": ORIGIN,
    "TRUSTED_PROXIES": "1",
    "WEB_CONCURRENCY": "2",
    "FORWARDED_ALLOW_IPS": "*",
    "GUNICORN_CMD_ARGS": "--access-logfile -",
    "DYNO": "web.1",
}


def shell(command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def platform(stores: EmbeddedStores, redis_url: str, empty_database_url: str, work_dir: Path) -> Iterator[Stack]:
    """A complete deployment over an empty database and a ``postgres://`` URL."""
    url = empty_database_url.replace("postgresql+psycopg://", "postgres://")
    stack = Stack(stores, work_dir / "deploy", database_url=url, redis_url=redis_url, forked=False, env=PLATFORM)
    release = shell(procfile()["release"], stack.env)
    assert release.returncode == 0, release.stdout + release.stderr
    stack.start()
    yield stack
    stack.stop()


def register(platform: Stack, name: str) -> dict[str, str]:
    body = {"username": name, "password": "correct horse battery"}
    answer = httpx.post(f"{platform.base_url}/api/v1/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}


def close_code(session: ClientConnection) -> int | None:
    """Returns the server's close code; None if the connection just vanished."""
    try:
        while True:
            session.recv(timeout=1)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_release_command_can_run_again_while_the_server_runs(platform: Stack) -> None:
    again = shell(procfile()["release"], platform.env)
    assert again.returncode == 0, again.stdout + again.stderr


def test_every_gateway_is_a_separate_process(platform: Stack) -> None:
    assert platform.web[0].log().count("Booting worker") == 2
    assert httpx.get(f"{platform.base_url}/healthz").status_code == 200
    assert httpx.get(f"{platform.base_url}/readyz").status_code == 200


def test_message_is_stored(platform: Stack) -> None:
    headers = register(platform, "notes")
    me = httpx.get(f"{platform.base_url}/api/v1/me", headers=headers).json()
    answer = httpx.post(
        f"{platform.base_url}/api/v1/messages",
        headers=headers,
        json={"receiverId": me["id"], "message": "Hello"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "stored"


def test_logs_contain_no_query_string(platform: Stack) -> None:
    for path in ("/ws", "/healthz", "/api/v1/events"):
        httpx.get(f"{platform.base_url}{path}?ticket=not-for-the-log")
    assert "/healthz" in platform.logs()
    assert "not-for-the-log" not in platform.logs()


def test_missing_setting_gives_one_line_without_a_restart() -> None:
    env = base_env(PORT="0", APP_ENV="production", REDIS_URL="redis://127.0.0.1:1", DATABASE_URL="postgres://x/y")
    started = time.monotonic()
    result = shell(procfile()["web"], env)
    said = [line for line in (result.stdout + result.stderr).splitlines() if "SECRET_KEY" in line]
    assert result.returncode == 3
    assert len(said) == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_missing_setting_stops_the_other_processes_too(kind: str) -> None:
    result = shell(procfile()[kind], base_env(APP_ENV="production"))
    assert result.returncode != 0
    assert "_URL is not set" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_sigterm_to_all_closes_sessions_and_ends_in_time(platform: Stack) -> None:
    """This must be the last test of the module, because it stops the server."""
    headers = register(platform, "last")
    address = platform.base_url.replace("http://", "ws://") + "/ws"
    with connect(address, additional_headers=headers, origin=None) as session:
        session.send('{"event": "join", "data": {}}')
        assert '"joined"' in str(session.recv(timeout=30))
        started = time.monotonic()
        codes = platform.stop()
        took = time.monotonic() - started
        code = close_code(session)
    assert code == 1001
    assert codes == {"web.1": 0, "worker.1": 0, "beat.1": 0}
    assert took < STOP_SECONDS
    assert "Traceback" not in platform.logs()
