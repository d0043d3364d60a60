"""Small tools for starting child processes: free ports, bounded waits, and a guard that leaves nothing behind.

Invariant: a process group given to a ``Guard`` does not outlive the holder of the guard, however the holder ends.
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

# Reads "add <pgid> <signal>" and "drop <pgid>". At end of file the holder is gone, however it ended, and the script
# ends the remaining groups. It is a shell instead of Python because it costs 1 MB and a millisecond. It reads a pipe
# instead of using PR_SET_PDEATHSIG, which is Linux only, is cleared when the child changes its user (PostgreSQL under
# root), and reaches one process instead of its group.
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
    """Something could not be started. The message is one line for the person at the terminal."""


class Guard:
    """Ends its process groups if the holder dies without stopping them."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD_SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        # If a forked child kept the pipe open, the shell would not notice its parent's death.
        os.register_at_fork(after_in_child=self._close_pipe)

    def add(self, group: int, last_signal: signal.Signals = signal.SIGTERM) -> None:
        """Adds a group. When it must end, it gets ``last_signal`` first and SIGKILL 5 s later."""
        self._send(f"add {group} {last_signal.name.removeprefix('SIG')}\n")

    def drop(self, group: int) -> None:
        self._send(f"drop {group}\n")

    def close(self) -> None:
        """Closes the pipe and waits for the shell. Remaining groups end as if the holder had died."""
        self._close_pipe()
        self._shell.wait()

    def _send(self, line: str) -> None:
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            self._shell.stdin.write(line.encode())
            self._shell.stdin.flush()

    def _close_pipe(self) -> None:
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            self._shell.stdin.close()


def free_port() -> int:
    """Returns a free loopback TCP port. Another process may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_taken(port: int) -> bool:
    """Returns whether a server could not listen on all addresses.

    Loopback is tried too, because macOS lets two processes bind the port, one to each.
    """
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
    """Returns the first truthy result of ``ready``. Raises TimeoutError with ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(every)


def signal_group(group: int, signum: signal.Signals) -> None:
    """Signals a whole process group. Does nothing if the group is already gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signum)
