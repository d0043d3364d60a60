"""Runs single commands beside the servers. On Linux they are forks (forks/), which saves their imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support import forks
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT


def flask(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the application, as an operator does."""
    return _run("flask", ["flask", "--app", "wsgi", *arguments], env)


def python(env: Mapping[str, str], code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own."""
    return _run("python", ["python", "-c", code], env)


def _run(kind: str, command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    if forks.can_fork(kind, env):
        return forks.run(kind, command, env, PATIENCE)
    program = str(Path(sys.executable).parent / command[0])
    return subprocess.run(
        [program, *command[1:]], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
