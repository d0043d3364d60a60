"""The user that the embedded PostgreSQL runs as: the current user, or a system user instead of root."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

from dev.processes import StartError, wait_until

_ROOT_RUNS_AS = "pgserver"


def run_as(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    """Returns the arguments for subprocess that run a command as ``owner``."""
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def prepare_owner(data_dir: Path, binary: Path) -> pwd.struct_passwd | None:
    """Prepares the directory for the user that will run PostgreSQL. Returns that user if it is not the current one.
    PostgreSQL refuses to run as root, so root gives the directory to a system user that can also reach ``binary``.
    """
    if os.geteuid() != 0:
        data_dir.chmod(0o700)
        return None
    owner = _system_user()
    for path in (data_dir, binary):
        _let_pass(path)
    os.chown(data_dir, owner.pw_uid, owner.pw_gid)
    data_dir.chmod(0o700)
    return owner


def _system_user() -> pwd.struct_passwd:
    def known() -> pwd.struct_passwd | None:
        try:
            return pwd.getpwnam(_ROOT_RUNS_AS)
        except KeyError:
            return None

    if user := known():
        return user
    useradd = shutil.which("useradd")
    if useradd is None:
        raise StartError(
            f"PostgreSQL does not run as root; create a system user {_ROOT_RUNS_AS!r} or use another account."
        )
    # Two copies may do this at once: the second useradd fails, and its caller finds the user of the first.
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _ROOT_RUNS_AS]
    subprocess.run(command, check=False, capture_output=True)
    return wait_until(known, 5.0, f"creating the system user {_ROOT_RUNS_AS!r}")


def _let_pass(path: Path) -> None:
    """Gives others search permission (x, not r) on the directories above ``path``, for the system user."""
    for directory in path.resolve().parents:
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)
