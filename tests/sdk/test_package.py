"""The package builds, has the version of Parley, and needs nothing of Parley's own code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import parley_sdk
import pytest

from app.version import __version__

SDK = Path(parley_sdk.__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(SDK)]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = directory.glob("*.whl")
    return built


def test_version_is_the_one_of_parley(wheel: Path):
    assert parley_sdk.__version__ == __version__
    assert wheel.name.startswith(f"parley_sdk-{__version__.replace('-dev', '.dev0')}-")


def test_wheel_has_types_and_every_file_of_the_package(wheel: Path):
    source = SDK / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }
    assert "parley_sdk/py.typed" in expected
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == expected


def test_installed_package_works_alone(wheel: Path, tmp_path: Path):
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(tmp_path)]
    subprocess.run([*install, str(wheel)], check=True, timeout=120)
    program = (
        "import sys, parley_sdk; parley_sdk.ParleyServer('http://x', 'k').close(); "
        "print(parley_sdk.__file__, *sorted({'app', 'flask', 'sqlalchemy', 'websockets'} & set(sys.modules)))"
    )
    run = [sys.executable, "-c", program]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=60).stdout
    assert answer.split() == [str(tmp_path / "parley_sdk/__init__.py")]


def test_source_imports_nothing_of_parley():
    wrong = re.compile(r"^\s*(?:from|import) (?:app|tasks|dev|tests)\b", re.MULTILINE)
    assert [path for path in SDK.rglob("*.py") if wrong.search(path.read_text())] == []
