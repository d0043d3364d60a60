"""Checks that source files are short enough to be read at one go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType

_ROOT = Path(__file__).parents[1]
MOST_LINES = 360
_SOURCES = (".py", ".js", ".mjs", ".lua")
# Why these files may be longer. A pattern stands for files of one kind.
EXCEPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "app/web/static/page/emoji/data.js": "a table, which `python -m dev.emoji` writes",
        "app/web/static/page/emoji/names/*.js": "tables, which `python -m dev.emoji` writes",
        "app/web/static/page/languages/*.js": "a catalogue has one line for each text of the page",
        "tests/unit/transports/test_shard_flows.py": "the cases share one simulated gateway",
    }
)


def problems(root: Path = _ROOT, exceptions: Mapping[str, str] = EXCEPTIONS) -> str:
    """Returns the problems, one a line; empty if there are none. An exception that no file needs is one as well."""
    long = {path: lines for path in _sources(root) if (lines := _count_lines(root / path)) > MOST_LINES}
    found = [
        f"{path} has {lines} lines, more than {MOST_LINES}: split it"
        for path, lines in long.items()
        if not any(fnmatch(path, pattern) for pattern in exceptions)
    ]
    unused = [pattern for pattern in exceptions if not any(fnmatch(path, pattern) for path in long)]
    found += [f"dev/file_lengths.py: no file of {pattern} is too long: remove the exception" for pattern in unused]
    return "\n".join(found)


def _sources(root: Path) -> Iterator[str]:
    """Yields the paths below ``root``, without hidden folders and installed packages."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        for name in sorted(names):
            if name.endswith(_SOURCES):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _count_lines(path: Path) -> int:
    with path.open("rb") as source:
        return sum(1 for _ in source)
