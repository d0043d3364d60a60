"""``inspect`` in a process of its own, which is what a worker calls.

* A decoder that crashes on hostile bytes, or eats memory, ends that process and not a worker with its other tasks.
* It has the lowest priority: decoding a large photo takes 70 ms of CPU, and on a machine that serves chat as well, that
  goes first. (A process cannot take its own priority back; so it is not the worker's.)
* It does not outlive its worker, though it has a session of its own, which no signal to the worker's group reaches.

It costs 0.1 s of CPU to start, of which half are the decoders.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from app.media.image_info import UnreadableError
from app.media.inspect import Inspected, inspect
from app.media.sniff import Kind

# Set before Python starts, which is half of the work. Where Linux shares the processor between login sessions first
# (sched(7), "The autogroup feature"), a priority counts within its session alone: so this has one of its own.
HUMBLY = 'test -w /proc/self/autogroup && echo 19 >/proc/self/autogroup; exec nice -n 19 "$@"'
CPU_SECONDS = 60
SECONDS = 110
MEMORY_BYTES = 2 * 1024 * 1024 * 1024
UNREADABLE = 3
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).parents[2]


class CrashedError(Exception):
    """It did not come back: killed by a signal, by its limits, or by time."""


def inspect_in_subprocess(path: Path, content_type: str, kind: Kind, *, max_pixels: int) -> Inspected:
    """As ``inspect``. Raise UnreadableError, CrashedError."""
    if kind == "file":
        return inspect(path, content_type, kind, max_pixels=max_pixels)
    arguments = [str(path), content_type, kind, str(max_pixels)]
    command = ["/bin/sh", "-c", HUMBLY, "sh", sys.executable, "-m", "app.media.inspect_in_subprocess", *arguments]
    # Nothing of the worker's: no address, no key.
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the arguments are an own path, sniffed types, a number
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise CrashedError("took too long") from error
    if done.returncode == UNREADABLE:
        raise UnreadableError(done.stdout.decode())
    if done.returncode != 0:
        raise CrashedError(f"ended with {done.returncode}: {done.stderr[-200:].decode(errors='replace')}")
    return msgspec.msgpack.decode(done.stdout, type=Inspected)


def main(path: str, content_type: str, kind: Any, max_pixels: str) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # Elsewhere this limit is not kept to, or counts what is only mapped.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        found = inspect(Path(path), content_type, kind, max_pixels=int(max_pixels))
    except UnreadableError as error:
        sys.stdout.write(error.code)
        return UNREADABLE
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
