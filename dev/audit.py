"""`make audit`: compares the lock files with the published vulnerabilities of their packages.

pip-audit looks up the Python packages at OSV, npm those that check and test the JavaScript at its registry.

Exit status: 0 if every locked version was looked up and none is vulnerable, 1 if one is, 3 if some could not be looked
up, for example because the machine is offline. ``OSV_URL`` selects another server with OSV's API, and
``npm_config_registry`` another registry. ``python -m dev.audit FILE…`` reads other lock files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).parents[1]

LOCKS = ("requirements.txt", "requirements-dev.txt", "dev/javascript/package-lock.json")
VULNERABLE, NOT_AUDITED = 1, 3
SECONDS = 25


@dataclass
class Report:
    """``vulnerable``: one line for each known vulnerability. ``missing``: one reason for each failed look-up."""

    packages: int = 0
    vulnerable: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.packages += other.packages
        self.vulnerable += other.vulnerable
        self.missing += other.missing


def main() -> int:
    files = [Path(name) for name in sys.argv[1:]] or [_ROOT / name for name in LOCKS]
    report = Report()
    python = [file for file in files if file.suffix != ".json"]
    if python:
        report.add(_python(python))
    for file in files:
        if file.suffix == ".json":
            report.add(_javascript(file))
    return _say(report)


def _say(report: Report) -> int:
    for line in report.vulnerable:
        print(line)
    for reason in report.missing:
        print(f"audit: NOT AUDITED: {reason}")
    if report.vulnerable:
        print(f"audit: FAILED: {len(report.vulnerable)} known vulnerabilities")
        return VULNERABLE
    if report.missing:
        return NOT_AUDITED
    print(f"audit: ok, {report.packages} packages without a known vulnerability")
    return 0


def _python(files: Sequence[Path]) -> Report:
    command = [str(_BIN / "pip-audit"), "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    command += ["--vulnerability-service=osv", *(f"--requirement={file}" for file in files)]
    if url := os.environ.get("OSV_URL"):
        command.append(f"--osv-url={url}")
    answer, errors = _run(command)
    if answer is None or "dependencies" not in answer:
        return Report(missing=[errors])
    packages = answer["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    missing = [", ".join(skipped)] if skipped else []
    if not packages:
        missing = ["the lock files name no package"]
    found = [
        f"{package['name']} {package['version']}: {one['id']}, fixed in {_fixed_in(one)}"
        for package in packages
        for one in package.get("vulns", [])
    ]
    return Report(len(packages), found, missing)


def _fixed_in(vulnerability: dict[str, Any]) -> str:
    return ", ".join(vulnerability["fix_versions"]) or "no version"


def _javascript(file: Path) -> Report:
    """Reads the report of npm, whose advisories are under ``via`` of the package that has them."""
    npm = shutil.which("npm")
    if npm is None:
        return Report(missing=[f"{file.name}: npm is missing"])
    command = [npm, "audit", "--package-lock-only", "--json", "--fetch-retries=0", f"--prefix={file.parent}"]
    answer, errors = _run(command)
    if answer is None or "metadata" not in answer:
        return Report(missing=[f"{file.name}: {(answer or {}).get('message') or errors}"])
    found = [
        f"{name}: {one['title']}, {one['url']}"
        for name, package in answer["vulnerabilities"].items()
        for one in package["via"]
        if isinstance(one, dict)
    ]
    return Report(int(answer["metadata"]["dependencies"]["total"]), found)


def _run(command: Sequence[str]) -> tuple[dict[str, Any] | None, str]:
    """Returns the program's JSON output (None if there is none) and the reason for its failure."""
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        return json.loads(result.stdout), _reason(result.stderr)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    except ValueError:
        return None, _reason(result.stderr)


def _reason(stderr: str) -> str:
    """Returns the last line of the output, reduced to the cause if it reports a failed connection."""
    last = (stderr.strip().splitlines() or ["there is no report"])[-1]
    return last.rpartition("(Caused by ")[2].removesuffix(")")


if __name__ == "__main__":
    sys.exit(main())
