"""Ends a connection after its last bytes have arrived, if the peer takes them.

A slow reader has megabytes in the kernel's buffer in front of the close frame. Closing the socket early would end in a
reset as soon as the peer sends anything, somewhere inside a frame. So the connection stays while the peer makes
progress, within a bound. It costs a timer, and no other session waits.
"""

from __future__ import annotations

import fcntl
import termios
import time
from array import array
from collections.abc import Callable

from gevent import get_hub

CHECK_SECONDS = 0.5
QUIET_SECONDS = 10.0  # without progress
MAX_SECONDS = 60.0


def unacknowledged(fd: int) -> int:
    """Returns how many bytes in the kernel's buffer the peer has not confirmed; 0 if the system does not say."""
    size = array("i", [0])
    try:
        fcntl.ioctl(fd, termios.TIOCOUTQ, size)
    except OSError:
        return 0
    return size[0]


class Farewell:
    """Calls ``abort`` when ``unsent`` has not shrunk for a moment, or after the longest time."""

    __slots__ = ("_abort", "_began", "_least", "_progress_at", "_timer", "_unsent")

    def __init__(self, unsent: Callable[[], int], abort: Callable[[], None]) -> None:
        self._unsent = unsent
        self._abort = abort
        self._began = self._progress_at = time.monotonic()
        self._least = unsent()
        self._timer = get_hub().loop.timer(CHECK_SECONDS, CHECK_SECONDS)
        self._timer.start(lambda: self.check(time.monotonic()))

    def check(self, now: float) -> None:
        unsent = self._unsent()
        if unsent < self._least:
            self._least, self._progress_at = unsent, now
        if now - self._progress_at > QUIET_SECONDS or now - self._began > MAX_SECONDS:
            self._abort()

    def end(self) -> None:
        self._timer.stop()
        self._timer.close()
