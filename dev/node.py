"""The tools that check and test the project's JavaScript: Node, and the packages of dev/javascript.

The project itself needs neither: the server puts the page's modules together, in Python.
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
    """Node or npm is missing; the message says how to install it."""


def node() -> str:
    """Returns the path of Node's program. Raises NoNode if there is none."""
    found = shutil.which("node")
    if found is None:
        raise NoNode(f"Node is missing; {GET_NODE}")
    return found


def node_tools() -> Path:
    """Returns ``node_modules`` and installs it if it does not match the lock file. Raises NoNode if that fails.

    Processes that need it at the same moment install it once.
    """
    node()
    with (Path(tempfile.gettempdir()) / "parley-node-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _up_to_date():
            _install()
    return MODULES


def _up_to_date() -> bool:
    """Returns whether the install is complete: npm writes the marker last."""
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
