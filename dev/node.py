"""The tools that check and test the project's JavaScript: Node, and the packages of dev/javascript.

The project itself needs neither: client/ and app/web/ are served as they lie.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

TOOLS = Path(__file__).parent / "javascript"
MODULES = TOOLS / "node_modules"
NPM_SECONDS = 300
GET_NODE = "install Node 20 or newer: sudo apt-get install nodejs npm (macOS: brew install node)"


class NoNode(RuntimeError):
    """Says what to type."""


def node() -> str:
    """The address of Node's program. Raise NoNode."""
    found = shutil.which("node")
    if found is None:
        raise NoNode(f"Node is missing; {GET_NODE}")
    return found


def node_tools() -> Path:
    """``node_modules`` as the lock file wants it, fetched where it is not. Raise NoNode.

    Processes that need it at the same moment fetch it once.
    """
    node()
    with (Path(tempfile.gettempdir()) / "parley-node-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _up_to_date():
            _install()
    return MODULES


def _up_to_date() -> bool:
    """npm writes the marker last."""
    marker = MODULES / ".package-lock.json"
    return marker.exists() and marker.stat().st_mtime >= (TOOLS / "package-lock.json").stat().st_mtime


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NoNode(f"npm is missing; {GET_NODE}")
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    result = subprocess.run(command, cwd=TOOLS, check=False, capture_output=True, text=True, timeout=NPM_SECONDS)
    if result.returncode != 0:
        raise NoNode(f"in {TOOLS}, `{' '.join(command)}` failed:\n{result.stderr[-2000:]}")
    (MODULES / ".package-lock.json").touch()
