"""Servers that are forked from a template are like servers that were started by their program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import CONFIG_EXIT_STATUS, Settings, variable_of
from dev.processes import free_port
from tests.support import forks
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, SECRET_KEY, base_env, procfile

STATE = """
import json, os, sys, threading, psutil
read, get = set(), os._Environ.__getitem__
os._Environ.__getitem__ = lambda environ, name: read.add(name) or get(environ, name)
from tests.support.forks.template import load
load(sys.argv[1])
state = {"threads": threading.active_count(), "sockets": len(psutil.Process().net_connections("all"))}
print(json.dumps({**state, "read": sorted(read), "modules": sorted(sys.modules)}))
"""
PATCHED_AGAIN = """
import select, subprocess, time, warnings
warnings.simplefilter("error")
from tests.support.forks.template import load, unpatch
load("web")
unpatch()
print(select.select.__module__, time.sleep.__module__, subprocess.Popen.__module__)
from gevent import monkey
monkey.patch_all()
print(select.select.__module__, time.sleep.__module__, subprocess.Popen.__module__)
subprocess.run(["true"], check=True)
import psycopg.waiting
print(psycopg.waiting.wait is psycopg.waiting.wait_c)
"""
Start = Callable[..., forks.Forked]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="servers are forked on Linux only")


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=forks.common(base_env()), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """``start("beat", SECRET_KEY="…")`` forks a process of the Procfile. It writes to ``tmp_path / "log"``."""

    def fork(program: str, **env: str) -> forks.Forked:
        log = tmp_path / "log"
        return forks.fork(program, procfile()[program], base_env(PORT=str(free_port()), **env), log, log)

    return fork


@pytest.mark.parametrize("kind", ["web", "worker"])
def test_template_has_no_settings_threads_or_connections(kind: str) -> None:
    state = json.loads(run(STATE, kind))
    assert (state["threads"], state["sockets"]) == (1, 0)
    assert not {"tasks", "celeryconfig", "wsgi"} & set(state["modules"])
    assert not {variable_of(name) for name in Settings.__dataclass_fields__} & set(state["read"])


def test_arbiter_is_not_patched_and_its_worker_is() -> None:
    before, after, waits_in_c = run(PATCHED_AGAIN).splitlines()
    assert before == "select time subprocess"
    assert after == "gevent.select gevent.hub gevent.subprocess"
    assert waits_in_c == "False"


@pytest.mark.parametrize("program", ["web", "worker", "beat"])
def test_words_of_a_command_are_those_of_the_shell(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.forks.template import words

    monkeypatch.setenv("WORKER_QUEUES", "media")
    command = procfile()[program]
    shell = subprocess.Popen(["/bin/sh", "-c", f"printf '%s\\n' {command}"], stdout=subprocess.PIPE, text=True)
    printed = shell.communicate()[0].splitlines()
    assert [word.replace(str(os.getpid()), str(shell.pid)) for word in words(f"exec {command}")] == printed


@pytest.mark.parametrize("program", ["web", "worker", "beat"])
def test_forked_server_without_settings_ends_with_its_message(program: str, start: Start, tmp_path: Path) -> None:
    assert start(program).wait(PATIENCE) == CONFIG_EXIT_STATUS
    assert "parley: SECRET_KEY is not set" in (tmp_path / "log").read_text()


def test_forked_server_has_a_session_and_ends_with_its_group(start: Start) -> None:
    stores = {
        "DATABASE_URL": f"postgresql://127.0.0.1:{free_port()}/none",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}",
    }
    server = start("beat", SECRET_KEY=SECRET_KEY, **stores)
    assert os.getsid(server.pid) == os.getpgid(server.pid) == server.pid != os.getpgid(0)
    with pytest.raises(subprocess.TimeoutExpired):
        server.wait(0.1)
    os.killpg(server.pid, signal.SIGKILL)
    assert server.wait(PATIENCE) == server.poll() == -signal.SIGKILL


def test_forked_code_has_the_state_of_a_program() -> None:
    code = "import os, sys; print(__name__, sys.argv, os.getcwd(), dict(os.environ), sys.path[0]); sys.exit('over')"
    env = base_env(SECRET_KEY="$$ 'and' more")
    forked = forks.run("python", ["python", "-c", code], env, PATIENCE)
    command = [sys.executable, "-c", code]
    executed = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (forked.returncode, forked.stdout, forked.stderr) == (1, executed.stdout, executed.stderr)


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "PSYCOPG_IMPL"])
def test_server_whose_variables_are_read_early_is_not_forked(name: str) -> None:
    assert forks.can_fork("web", base_env())
    assert not forks.can_fork("web", base_env(**{name: "x"}))
