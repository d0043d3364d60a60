"""The Procfile's processes under honcho, and what honcho lacks: a stop at any moment, and who ended first."""

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

# honcho kills this long after it told the processes to stop. With the stores' stop it stays below 10 s.
KILL_AFTER_SECONDS = 6


def commands(path: Path) -> dict[str, str]:
    """The lines of a Procfile, by process name."""
    return dict(parse_procfile(path.read_text()).processes)


class _Lines(Printer):  # type: ignore[misc] # honcho has no types
    """Prefixed lines of the processes; of honcho's own only what ended. Our log lines bring their time."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, prefix=True)

    def write(self, message: Any) -> None:
        if message.name == honcho.manager.SYSTEM_PRINTER_NAME and " stopped " not in message.data:
            return
        super().write(message)


class Processes(Manager):  # type: ignore[misc] # honcho has no types
    """``loop()`` runs until the first process ends or a signal comes, then stops them all."""

    def __init__(self, guard: Guard, on_started: Callable[[], None]) -> None:
        """``on_started`` is called once, when all have been forked: before that there must be no other thread."""
        honcho.manager.KILL_WAIT = KILL_AFTER_SECONDS
        super().__init__(_Lines())
        self._guard = guard
        self._guarded: set[int] = set()
        self._on_started: Callable[[], None] | None = on_started
        self._told = False
        self.ended_first: str | None = None

    def terminate(self) -> None:
        """honcho knows no pids before every process has started; until then this is kept in mind."""
        self._told = True
        if self._all_started():
            super().terminate()

    def kill_leftovers(self) -> None:
        """After ``loop()``: what a process left behind in its group."""
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
        # Makes honcho's clock run from the moment it was told, and not from the first process that obeys.
        return self._told or self._note_first()

    def _note_first(self) -> bool:
        for name, process in self._processes.items():
            if process.get("returncode") is not None:
                self.ended_first = f"{name} (exit {process['returncode']})"
                return True
        return False

    def _groups(self) -> list[int]:
        return [process["pid"] for process in self._processes.values() if "pid" in process]
