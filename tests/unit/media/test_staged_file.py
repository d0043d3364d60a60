"""A killed worker leaves its file behind; the next medium's worker removes it, and no file of a live worker."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from app.media.staged_file import LOCKING_SECONDS, remove_abandoned_files, staged_file
from tests.support.processes import ROOT, base_env

HOLD = (
    "import sys; from app.media.staged_file import staged_file\n"
    "with staged_file() as file:\n file.write(b'x'); file.flush(); print(file.name, flush=True); sys.stdin.read()"
)


def test_file_of_a_killed_worker_is_removed_and_that_of_a_live_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    env = base_env(TMPDIR=str(tmp_path))
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, env=env, stdin=pipe, stdout=pipe) as worker:
        assert worker.stdout
        left = Path(worker.stdout.readline().decode().strip())
        later = time.time() + 2 * LOCKING_SECONDS
        assert remove_abandoned_files(later) == 0
        worker.kill()
        worker.wait()
        assert left.exists()
        assert remove_abandoned_files() == 0, "it is younger than a minute"
        assert remove_abandoned_files(later) == 1
        assert not left.exists()


def test_staged_file_is_removed_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with staged_file() as file:
        assert Path(file.name).exists()
    assert list(tmp_path.iterdir()) == []
