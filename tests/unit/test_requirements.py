"""The lock files agree: tests and ``make run`` install the versions of a deployment."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def locked(name: str) -> dict[str, str]:
    """Returns package -> version."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def test_everything_that_a_deployment_installs_is_installed_for_tests_too() -> None:
    deployed, tested = locked("requirements.txt"), locked("requirements-dev.txt")
    assert len(deployed) > 20
    assert {name: tested.get(name) for name in deployed} == deployed


def test_every_direct_dependency_is_locked() -> None:
    for name in ("requirements", "requirements-dev"):
        direct = re.findall(r"^([A-Za-z0-9._-]+)", (ROOT / f"{name}.in").read_text(), re.MULTILINE)
        direct = [package.lower() for package in direct if not package.startswith("-")]
        assert len(direct) > 5
        assert [package for package in direct if package not in locked(f"{name}.txt")] == []
