"""A disk of a few megabytes (tmpfs) that a test can fill, and move data of a store to. Needs Linux and root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAY_MOUNT = sys.platform == "linux" and os.geteuid() == 0
CHUNKS = (1 << 20, 4096, 1)


class SmallDisk:
    """``path`` is the directory of its mount."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def take_in(self, directory: Path) -> None:
        """Moves the directory to this disk, with a link in its place. Owners stay the same."""
        there = self.path / directory.name
        if directory.exists():
            subprocess.run(["cp", "-a", str(directory), str(there)], check=True)
            subprocess.run(["rm", "-r", str(directory)], check=True)
        else:
            there.mkdir(mode=0o700)
        directory.symlink_to(there)

    def fill(self) -> None:
        """Writes until nothing more fits."""
        with self._ballast.open("wb", buffering=0) as ballast:
            for size in CHUNKS:
                _write_all(ballast.fileno(), bytes(size))

    def empty(self) -> None:
        """Gives the space back."""
        self._ballast.unlink(missing_ok=True)


def _write_all(file: int, chunk: bytes) -> None:
    try:
        while True:
            os.write(file, chunk)
    except OSError:
        return


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    path.mkdir(parents=True)
    options = f"size={megabytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "parley-test", str(path)], check=True)
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
