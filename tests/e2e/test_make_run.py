"""`make run` as a developer uses it: it starts, stops on Ctrl-C, and starts again on the same data."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import pytest

from dev.processes import Guard, free_port, signal_group, wait_until
from tests.support.processes import ROOT, base_env

STOP_SECONDS = 30.0


class Run:
    """One ``make run`` as in a terminal: Ctrl-C reaches its whole process group."""

    def __init__(self, data: Path, log: Path, guard: Guard, port: int) -> None:
        self.data, self.port, self._log, self._guard = data, port, log, guard
        # The environment that runs the tests is complete: --old-file keeps make from building another one.
        command = ["make", "--old-file=venv", f"BIN={Path(sys.executable).parent}", "run"]
        env = base_env(PORT=str(port), PARLEY_DATA=str(data))
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        guard.add(self.process.pid)

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_ready(self) -> None:
        wait_until(lambda: self.process.poll() is not None or "Parley is ready" in self.output(), 60, "make run")
        assert "Parley is ready" in self.output(), self.output()

    def interrupt(self) -> float:
        """Sends Ctrl-C and returns the seconds until all processes have ended."""
        started = time.monotonic()
        signal_group(self.process.pid, signal.SIGINT)
        self.process.wait(STOP_SECONDS + 5)
        self._guard.drop(self.process.pid)
        return time.monotonic() - started

    def family(self) -> list[str]:
        """Returns all processes that use this data directory, regardless of their current parent."""
        return [" ".join(process.cmdline()) for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("PARLEY_DATA") == str(self.data) and process.status() != "zombie"
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


Start = Callable[..., Run]


@pytest.fixture(scope="module")
def start(work_dir: Path) -> Iterator[Start]:
    guard = Guard()
    runs: list[Run] = []

    def begin(data: Path, port: int | None = None) -> Run:
        runs.append(Run(data, work_dir / f"run-{os.urandom(4).hex()}.log", guard, port or free_port()))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            assert run.interrupt() < STOP_SECONDS
    guard.close()


def send_note(run: Run) -> str:
    """Sends a note from Alice to herself and returns the id of the stored message."""
    with httpx.Client(base_url=f"http://127.0.0.1:{run.port}/api/v1") as client:
        signed_in = client.post("/auth/login", json={"username": "alice", "password": "parley-demo"}).json()
        client.headers["Authorization"] = f"Bearer {signed_in['accessToken']}"
        body = {"receiverId": signed_in["user"]["id"], "message": "Remember the milk"}
        answer = client.post("/messages", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def unread_ids(run: Run) -> list[str]:
    with httpx.Client(base_url=f"http://127.0.0.1:{run.port}/api/v1") as client:
        signed_in = client.post("/auth/login", json={"username": "alice", "password": "parley-demo"}).json()
        headers = {"Authorization": f"Bearer {signed_in['accessToken']}"}
        conversations = client.get("/conversations", headers=headers).json()["conversations"]
        found = client.get(f"/conversations/{conversations[0]['id']}/messages", headers=headers).json()
        return [message["id"] for message in found["messages"]]


class Restart(NamedTuple):
    """What was seen of a run that ended with Ctrl-C, and the next run on the same data, which is still alive."""

    kept: str  # the id of a message that was sent in the first run
    codes: list[str]  # the codes of its demo links
    signed_in: list[str]  # the users whom the links signed in
    seconds: float  # from Ctrl-C until ``make run`` had ended
    left: list[str]  # processes that were still alive then
    output: str
    second: Run


@pytest.fixture(scope="module")
def restart(start: Start, work_dir: Path) -> Restart:
    first = start(work_dir / "run-data")
    first.wait_ready()
    kept = send_note(first)
    assert any("postgres" in line for line in first.family())
    codes = re.findall(rf"http://127.0.0.1:{first.port}/#demo=(\S+)", first.output())
    with httpx.Client(base_url=f"http://127.0.0.1:{first.port}", trust_env=False) as client:
        signed_in = [client.post("/demo/login", json={"code": code}).json()["user"]["username"] for code in codes]
    seconds, left, output = first.interrupt(), first.family(), first.output()
    second = start(work_dir / "run-data")
    second.wait_ready()
    return Restart(kept, codes, signed_in, seconds, left, output, second)


def test_ctrl_c_ends_everything_and_the_data_survives(restart: Restart) -> None:
    assert restart.seconds < STOP_SECONDS
    assert restart.left == []
    assert "Traceback" not in restart.output
    assert unread_ids(restart.second) == [restart.kept]


def test_each_demo_link_signs_its_user_in_until_the_run_ends(restart: Restart) -> None:
    assert restart.signed_in == ["alice", "bob"]
    answer = httpx.post(f"http://127.0.0.1:{restart.second.port}/demo/login", json={"code": restart.codes[0]})
    assert answer.status_code == 401


def test_two_runs_side_by_side_and_the_death_of_each(start: Start, work_dir: Path) -> None:
    one, other = start(work_dir / "run-one"), start(work_dir / "run-other")
    one.wait_ready()
    other.wait_ready()
    python = next(child for child in psutil.Process(one.process.pid).children() if "dev.run" in child.cmdline())
    python.kill()
    wait_until(lambda: not one.family(), STOP_SECONDS, "the end of all processes of a killed `make run`")
    assert httpx.get(f"http://127.0.0.1:{other.port}/readyz").status_code == 200

    beat = [p for p in psutil.process_iter() if other._is_ours(p) and "tasks.beat" in p.cmdline()]
    beat[0].kill()
    assert other.process.wait(STOP_SECONDS) != 0
    assert "beat (exit -9) ended" in other.output()
    assert other.family() == []


def refused(env: dict[str, str]) -> str:
    """Returns the standard error of a start that must fail with one line."""
    command = [sys.executable, "-m", "dev.run"]
    result = subprocess.run(
        command, cwd=ROOT, env=base_env(**env), capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


def test_taken_port_gives_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is taken" in refused({"PORT": str(port)})


def test_invalid_port_gives_one_line() -> None:
    assert "PORT=http is not a port number" in refused({"PORT": "http"})


def test_unreachable_database_gives_one_line_without_its_password() -> None:
    said = refused({"PORT": str(free_port()), "DATABASE_URL": f"postgres://u:hidden@127.0.0.1:{free_port()}/x"})
    assert "DATABASE_URL" in said
    assert "hidden" not in said


def test_unreachable_redis_gives_one_line(stores: object) -> None:
    said = refused({"PORT": str(free_port()), "REDIS_URL": f"redis://:hidden@127.0.0.1:{free_port()}/0"})
    assert "REDIS_URL" in said
    assert "hidden" not in said


def test_production_refuses_embedded_stores() -> None:
    said = refused({"PORT": str(free_port()), "APP_ENV": "production"})
    assert "DATABASE_URL" in said
