"""Runs the Procfile's processes under honcho. Adds a stop at any moment, and reports which process ended first."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import honcho.manager
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer

from dev.processes import Guard, signal_group

# honcho kills the processes this long after the request to stop. With stopping the stores, it stays below 10 s.
KILL_AFTER_SECONDS = 6


def commands(path: Path) -> dict[str, str]:
    """Returns the commands of a Procfile by process name."""
    return dict(parse_procfile(path.read_text()).processes)


class _Lines(Printer):  # type: ignore[misc] # honcho has no types
    """Prints the processes' lines with a prefix but without a time, which our log lines already have.

    Of honcho's own lines, it prints only those about ended processes.
    """

    def __init__(self) -> None:
        super().__init__(sys.stdout, prefix=True)

    def write(self, message: Any) -> None:
        if message.name == honcho.manager.SYSTEM_PRINTER_NAME and " stopped " not in message.data:
            return
        super().write(message)


class Processes(Manager):  # type: ignore[misc] # honcho has no types
    """``loop()`` runs until the first process ends or a signal arrives, then stops all processes."""

    def __init__(self, guard: Guard, on_started: Callable[[], None]) -> None:
        """``on_started`` is called once, after all processes are forked. Before that there must be no other thread."""
        honcho.manager.KILL_WAIT = KILL_AFTER_SECONDS
        super().__init__(_Lines())
        self._guard = guard
        self._guarded: set[int] = set()
        self._on_started: Callable[[], None] | None = on_started
        self._stop_requested = False
        self.ended_first: str | None = None

    def terminate(self) -> None:
        """Stops all processes. Keeps the request until every process has started, because honcho has no pids before."""
        self._stop_requested = True
        if self._all_started():
            super().terminate()

    def kill_leftovers(self) -> None:
        """Kills the processes that are left in the groups. Call it after ``loop()``."""
        for group in self._guarded:
            signal_group(group, signal.SIGKILL)
            self._guard.drop(group)

    def _all_started(self) -> bool:
        for group in set(self._groups()) - self._guarded:
            self._guarded.add(group)
            self._guard.add(group)
        if not super()._all_started():
            return False
        if self._on_started is not None:
            on_started, self._on_started = self._on_started, None
            on_started()
        return True

    def _any_stopped(self) -> bool:
        # Starts honcho's clock at the request to stop instead of at the first process that ends.
        return self._stop_requested or self._note_first()

    def _note_first(self) -> bool:
        for name, process in self._processes.items():
            if process.get("returncode") is not None:
                self.ended_first = f"{name} (exit {process['returncode']})"
                return True
        return False

    def _groups(self) -> list[int]:
        return [process["pid"] for process in self._processes.values() if "pid" in process]
