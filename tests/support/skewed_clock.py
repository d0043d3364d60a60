"""A clock that tests set wrong in single processes, by the library faketime. The clock of timers stays right."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path

# The package's library is built for this machine only.
CAN_SKEW = sys.platform == "linux" and platform.machine() == "x86_64"


class SkewedClock:
    """Processes that are started with ``env()`` read the wrong time from ``path``, within a second of each ``set``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set(0)

    def set(self, seconds: int) -> None:
        """Puts the clock ahead by this many seconds, or back if it is negative."""
        new = self._path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self._path)

    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def _library() -> Path:
    spec = importlib.util.find_spec("libfaketime")  # found, not imported: the import starts the process again
    assert spec is not None, "libfaketime is not installed; `make` installs requirements-dev.txt"
    assert spec.origin is not None
    return Path(spec.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
