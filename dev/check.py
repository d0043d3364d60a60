"""`make check`: runs every check, even after a failure. The last line names the failed ones.

``python -m dev.check NAME…`` runs only the named checks.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dev import declarations, file_lengths, page_texts, server_texts
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
    checks: dict[str, Callable[[], bool]] = {
        name: partial(_passes, name, [str(_BIN / tool), *rest]) for name, (tool, *rest) in CHECKS.items()
    }
    checks["lengths"] = _lengths_pass
    checks["javascript"] = _javascript_passes
    checks["texts"] = _texts_pass
    failed = [name for name in sys.argv[1:] or checks if not checks[name]()]
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all passed'}")
    return 1 if failed else 0


def _lengths_pass() -> bool:
    started = time.monotonic()
    problems = file_lengths.problems()
    return _report("lengths", not problems, started, problems)


def _javascript_passes() -> bool:
    """Checks the types in the comments of the client and the page, and that client/types/ is up to date."""
    started = time.monotonic()
    try:
        compiler = node_tools() / ".bin" / "tsc"
        problems = declarations.problems()
    except NoNode as missing:
        problems = str(missing)
    passed = _report("javascript", not problems, started, problems)
    return passed and _passes("javascript", [str(compiler), "--project", "dev/javascript/page.json"])


def _texts_pass() -> bool:
    started = time.monotonic()
    try:
        problems = "\n".join(filter(None, [page_texts.problems(), server_texts.problems()]))
    except NoNode as missing:
        problems = str(missing)
    return _report("texts", not problems, started, problems)


def _passes(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    result = subprocess.run(command, cwd=_ROOT, check=False, capture_output=True, text=True)
    return _report(name, result.returncode == 0, started, result.stdout + result.stderr)


def _report(name: str, passed: bool, started: float, problems: str) -> bool:
    print(f"{name}: {'ok' if passed else 'FAILED'} ({time.monotonic() - started:.1f} s)", flush=True)
    if not passed:
        print(problems, flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
