"""`make audit`: compares the lock files with the published vulnerabilities of their packages (OSV, by pip-audit).

Exit status: 0 if every locked version was looked up and none is vulnerable, 1 if one is, 3 if some could not be looked
up, for example because the machine is offline. ``OSV_URL`` selects another server with OSV's API. ``python -m dev.audit
FILE…`` reads other lock files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).parents[1]

LOCKS = ("requirements.txt", "requirements-dev.txt")
VULNERABLE, NOT_AUDITED = 1, 3
SECONDS = 50


def main() -> int:
    files = sys.argv[1:] or [str(_ROOT / name) for name in LOCKS]
    report, reason = _look_up(files)
    if report is None:
        print(f"audit: NOT AUDITED: {reason}")
        return NOT_AUDITED
    found = list(_vulnerabilities(report))
    for line in found:
        print(line)
    skipped = [package["name"] for package in report if "skip_reason" in package]
    if found:
        print(f"audit: FAILED: {len(found)} known vulnerabilities")
        return VULNERABLE
    if skipped or not report:
        print(f"audit: NOT AUDITED: {', '.join(skipped) or 'the lock files name no package'}")
        return NOT_AUDITED
    print(f"audit: ok, {len(report)} packages without a known vulnerability")
    return 0


def _look_up(files: Iterable[str]) -> tuple[list[dict[str, Any]] | None, str]:
    """Returns pip-audit's packages, or None and the reason why there is no report."""
    command = [str(_BIN / "pip-audit"), "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    command += ["--vulnerability-service=osv", *(f"--requirement={file}" for file in files)]
    if url := os.environ.get("OSV_URL"):
        command.append(f"--osv-url={url}")
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        report: list[dict[str, Any]] = json.loads(result.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    except (ValueError, KeyError):
        return None, _reason(result.stderr)
    return report, ""


def _reason(stderr: str) -> str:
    """Returns the last line of pip-audit, or what it says about the cause of a failed connection."""
    last = (stderr.strip().splitlines() or ["pip-audit gave no report"])[-1]
    return last.rpartition("(Caused by ")[2].removesuffix(")")


def _vulnerabilities(report: list[dict[str, Any]]) -> Iterable[str]:
    for package in report:
        for one in package.get("vulns", []):
            fixed = ", ".join(one["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {one['id']}, fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(main())
