"""Uploaded bytes are decoded in a separate process, never in one that serves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import psutil
import pytest

from app.config import Settings
from app.media.image_info import UnreadableError
from app.media.image_size import Size
from app.media.inspect_in_subprocess import NICENESS, CrashedError, inspect_in_subprocess
from app.services.media.media_storages import MediaStorages
from dev.processes import wait_until
from tests.support.media_files import bomb_png, image_bytes
from tests.support.processes import ROOT, SECRET_KEY, base_env


def loaded(statement: str) -> set[str]:
    env = base_env(
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", REDIS_URL="redis://127.0.0.1:1/0", SECRET_KEY=SECRET_KEY
    )
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("process", ["import wsgi", "import tasks.process_media"], ids=["web", "worker"])
def test_web_and_worker_import_no_decoder_and_no_unused_sdk(process: str) -> None:
    assert not {"PIL", "av", "cloudinary"} & loaded(process)


def test_subprocess_returns_its_findings_and_contains_crashes(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(image_bytes(size=(90, 60), orientation=6))
    found = inspect_in_subprocess(path, "image/jpeg", "image", max_pixels=10_000)
    assert found.image is not None
    assert found.image.size == Size(60, 90)
    assert found.rewritten
    assert b"Secret" not in path.read_bytes()
    path.write_bytes(bomb_png())
    with pytest.raises(UnreadableError) as caught:
        inspect_in_subprocess(path, "image/png", "image", max_pixels=10_000)
    assert caught.value.code == "too_large"
    with pytest.raises(CrashedError):
        inspect_in_subprocess(tmp_path / "not there", "image/png", "image", max_pixels=10_000)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's prctl(2)")
def test_subprocess_has_low_priority_and_ends_with_its_worker(tmp_path: Path) -> None:
    path = tmp_path / "a silent pipe"
    os.mkfifo(path)
    code = (
        "from pathlib import Path; from app.media.inspect_in_subprocess import inspect_in_subprocess;"
        f"inspect_in_subprocess(Path({str(path)!r}), 'image/jpeg', 'image', max_pixels=1)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=base_env())
    # On a busy machine a process of a lower priority may take long to start.
    with wait_until(lambda: writer_of(path), 60, "a reader of the pipe"):
        (child,) = psutil.Process(worker.pid).children()
        assert child.nice() == NICENESS > 0
        assert os.getsid(child.pid) == child.pid
        worker.kill()
        worker.wait()
        wait_until(
            lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10, "the subprocess to end"
        )


def test_subprocess_ends_when_its_caller_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "a silent pipe"
    os.mkfifo(path)
    children: list[psutil.Process] = []

    def give_up() -> None:
        children.extend(psutil.Process().children())
        raise KeyError("gone")

    with pytest.raises(KeyError):
        inspect_in_subprocess(path, "image/jpeg", "image", max_pixels=1, alive=give_up)
    assert children
    wait_until(lambda: not any(path.name in _command(child) for child in children), 10, "the subprocess to end")


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def writer_of(path: Path) -> IO[bytes] | None:
    """Returns None until a process has opened the pipe for reading."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb")
    except OSError:
        return None


def test_uploads_share_one_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("app.services.media.media_storages.time.monotonic", lambda: clock[0])
    env = {
        "DATABASE_URL": "postgres://h/d",
        "REDIS_URL": "redis://h",
        "SECRET_KEY": SECRET_KEY,
        "UPLOAD_BYTES_PER_SECOND": "1000",
    }
    media = MediaStorages(Settings.from_env(env))
    assert [media.pause_after(500) for _ in range(3)] == [0.5, 1.0, 1.5]
    clock[0] += 60
    assert media.pause_after(100) == pytest.approx(0.1)
    unlimited = MediaStorages(Settings.from_env({**env, "UPLOAD_BYTES_PER_SECOND": "0"}))
    assert unlimited.pause_after(10**9) == 0.0
