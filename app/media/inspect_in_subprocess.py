"""Runs ``inspect`` in a subprocess. Workers call this function instead of ``inspect``.

* A decoder that crashes on hostile bytes or exhausts memory kills only the subprocess, not the worker and its tasks.
  Its memory is bounded (decode_memory.py), and if the machine has none left, the kernel kills it first.
* The subprocess has a lower priority. Decoding a large photo takes 70 ms of CPU, and if the machine also serves chat,
  chat comes first. (A process cannot raise its own priority again, so the worker must not lower its own.)
* The subprocess does not outlive its worker. It runs in its own session, which signals to the worker's process group
  do not reach; it therefore has the kernel kill it when its parent dies.

Starting it costs 0.1 s of CPU. Half of that is loading the decoders.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from app.media.decode_memory import limit_memory
from app.media.image_info import UnreadableError
from app.media.inspect import Inspected, inspect
from app.media.sniff import Kind

# The priority is set before Python starts, because the start is half of the work. If Linux first divides the processor
# between login sessions (sched(7), "The autogroup feature"), a nice value counts only within its session. The
# subprocess therefore gets its own session, and the command lowers that session's priority too.
#
# With niceness 5 it gets a third of the time of an ordinary process. The lowest priority would leave it nearly none on
# a busy machine: a small picture then took up to 39 s instead of 2, and after SECONDS it would have failed.
NICENESS = 5
LOWER_PRIORITY = f'test -w /proc/self/autogroup && echo {NICENESS} >/proc/self/autogroup; exec nice -n {NICENESS} "$@"'
CPU_SECONDS = 60
SECONDS = 110
ALIVE_SECONDS = 1.0
UNREADABLE = 3
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).parents[2]
MODULE = "app.media.inspect_in_subprocess"


class CrashedError(Exception):
    """The subprocess did not return a result: a signal, a resource limit or the timeout ended it."""


def inspect_in_subprocess(
    path: Path, content_type: str, kind: Kind, *, max_pixels: int, alive: Callable[[], None] = lambda: None
) -> Inspected:
    """Returns the result of ``inspect``. Calls ``alive`` every second until then; if it raises, the subprocess ends.

    Raises UnreadableError, CrashedError, and the errors of ``alive``.
    """
    if kind == "file":
        return inspect(path, content_type, kind, max_pixels=max_pixels)
    code, output, errors = _run([str(path), content_type, kind, str(max_pixels)], alive)
    if code == UNREADABLE:
        raise UnreadableError(output.decode())
    if code != 0:
        raise CrashedError(f"ended with {code}: {errors[-200:].decode(errors='replace')}")
    return msgspec.msgpack.decode(output, type=Inspected)


def _run(arguments: list[str], alive: Callable[[], None]) -> tuple[int, bytes, bytes]:
    command = ["/bin/sh", "-c", LOWER_PRIORITY, "sh", sys.executable, "-m", MODULE, *arguments]
    # The worker's environment holds addresses and keys; the subprocess must not have them.
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    with subprocess.Popen(  # noqa: S603 - runs our own module; arguments: our own path, sniffed types, a number
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            output, errors = _wait(process, alive)
        except BaseException:
            process.kill()
            raise
    return process.returncode, output, errors


def _wait(process: subprocess.Popen[bytes], alive: Callable[[], None]) -> tuple[bytes, bytes]:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            return process.communicate(timeout=ALIVE_SECONDS)
        except subprocess.TimeoutExpired:
            alive()
    raise CrashedError("took too long")


def main(path: str, content_type: str, kind: Any, max_pixels: str) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    limit_memory()
    try:
        found = inspect(Path(path), content_type, kind, max_pixels=int(max_pixels))
    except UnreadableError as error:
        sys.stdout.write(error.code)
        return UNREADABLE
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
