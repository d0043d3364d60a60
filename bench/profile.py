"""Runs py-spy during a scenario, for flame graphs of web and worker."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.loop import BenchError
from bench.scenarios import WARM_UP
from bench.systems import System

PROFILED = {"P2", "P2 sse", "P2 longpoll", "P3"}


class Profiler:
    """Records if ``--profile`` is given. Sampling costs CPU, so use only the graphs of such a run, not its figures."""

    def __init__(self, options: argparse.Namespace, system: System, scenario: str, directory: Path) -> None:
        self.on = options.profile and scenario in PROFILED
        self.roots = system.stack.roots
        self.prefix = directory / f"{system.name}-{scenario}"
        self.length = str(int(options.seconds + WARM_UP))
        self.children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> None:
        if not self.on:
            return
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        program = shutil.which("py-spy", path=path)
        if program is None:
            raise BenchError("--profile needs py-spy (pip install py-spy)")
        for pid, role in self.roots.items():
            if role in {"web", "worker"}:
                out = f"{self.prefix}-{role}.svg"
                what = ["--subprocesses", "-p", str(pid), "-d", self.length, "-r", "250", "-o", out]
                self.children.append(subprocess.Popen([program, "record", *what], stdout=subprocess.DEVNULL))

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            child.wait(60)
