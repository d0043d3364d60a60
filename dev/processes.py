"""Small tools for whoever starts child processes: free ports, bounded waits, and nothing left behind.

Invariant: a process group given to a ``Guard`` does not outlive the holder of the guard, however that one
ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Reads "add <pgid> <signal>" and "drop <pgid>"; at end of file (its holder is gone, in whatever way) it
# ends what is left. A shell and not Python: it costs 1 MB and a millisecond. A pipe and not
# PR_SET_PDEATHSIG: that is Linux only, is cleared when the child changes its user (PostgreSQL under root),
# and reaches one process, not its group.
_GUARD_SCRIPT = """
trap '' INT TERM HUP
groups=' '
while read -r verb group name; do
  case $verb in
    add) groups="$groups$group:$name " ;;
    drop)
      kept=' '
      for entry in $groups; do [ "${entry%%:*}" = "$group" ] || kept="$kept$entry "; done
      groups=$kept ;;
  esac
done
for entry in $groups; do kill -s "${entry##*:}" -- "-${entry%%:*}" 2>/dev/null; done
tries=0
while [ $tries -lt 50 ]; do
  alive=
  for entry in $groups; do kill -s 0 -- "-${entry%%:*}" 2>/dev/null && alive=1; done
  [ -n "$alive" ] || exit 0
  tries=$((tries + 1)); sleep 0.1
done
for entry in $groups; do kill -s KILL -- "-${entry%%:*}" 2>/dev/null; done
"""


class StartError(RuntimeError):
    """Something could not be started; the message is one line for the person at the terminal."""


class Guard:
    """Ends the process groups given to it when its holder dies without having stopped them itself."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD_SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        # A forked child that kept the pipe open would hide its parent's death from the shell.
        os.register_at_fork(after_in_child=self._forget)

    def add(self, group: int, last_signal: signal.Signals = signal.SIGTERM) -> None:
        """``last_signal`` goes to the group first; SIGKILL follows 5 s later."""
        self._tell(f"add {group} {last_signal.name.removeprefix('SIG')}\n")

    def drop(self, group: int) -> None:
        self._tell(f"drop {group}\n")

    def close(self) -> None:
        """Let go, and wait for the shell; groups still held end as if the holder had died."""
        self._forget()
        self._shell.wait()

    def _tell(self, line: str) -> None:
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            self._shell.stdin.write(line.encode())
            self._shell.stdin.flush()

    def _forget(self) -> None:
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            self._shell.stdin.close()


def free_port() -> int:
    """A loopback TCP port that nothing uses now; another process may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_taken(port: int) -> bool:
    """Whether a server could not listen on all addresses. Loopback too: macOS lets both be bound at once."""
    return any(_is_taken(host, port) for host in ("0.0.0.0", "127.0.0.1"))  # noqa: S104 - tried, not served


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def wait_until(ready: Callable[[], T | None], timeout: float, what: str, every: float = 0.02) -> T:
    """The first truthy answer of ``ready``; TimeoutError naming ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(every)


def signal_group(group: int, signum: signal.Signals) -> None:
    """Signal a whole process group; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signum)
