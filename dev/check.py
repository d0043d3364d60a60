"""`make check`: every check runs, whatever the earlier ones said; the last line names those that failed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from dev.node import NoNode, node_tools

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).parents[1]

CHECKS = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "types": ["mypy", "--no-error-summary"],
    "imports": ["lint-imports", "--no-logo"],
}


def main() -> int:
    failed = [name for name, command in CHECKS.items() if not _passes(name, [str(_BIN / command[0]), *command[1:]])]
    failed += [] if _javascript_passes() else ["javascript"]
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all passed'}")
    return 1 if failed else 0


def _javascript_passes() -> bool:
    """The types that the client's comments tell; the page's, as far as they tell any."""
    try:
        compiler = node_tools() / ".bin" / "tsc"
    except NoNode as missing:
        print(f"javascript: FAILED\n{missing}", flush=True)
        return False
    projects = ("dev/javascript", "dev/javascript/page.json")
    passed = [_passes("javascript", [str(compiler), "--project", project]) for project in projects]
    return all(passed)


def _passes(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    result = subprocess.run(command, cwd=_ROOT, check=False, capture_output=True, text=True)
    verdict = "ok" if result.returncode == 0 else "FAILED"
    print(f"{name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    if result.returncode != 0:
        print(result.stdout + result.stderr, flush=True)
    return result.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
