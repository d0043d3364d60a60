"""client/types/: the declarations (.d.ts) of the client's types, for applications that install it as a package.

TypeScript reads types from comments in a project's own JavaScript, but not in a package. So `make format` writes the
declarations, and `make check` compares them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dev.node import NoNode, node_tools

ROOT = Path(__file__).parents[1]
TYPES = ROOT / "client" / "types"
# Modules that an application can import, by the project that checks them. The types of the second are less complete.
ENTRIES = {
    "dev/javascript": ("parley.d.ts", "react-native.d.ts", "lib/types.d.ts"),
    "dev/javascript/parts.json": ("widget.d.ts", "react/index.d.ts", "state/store.d.ts"),
}
_IMPORT = re.compile(r"""(?:from|import\() ?"(\.[^"]+)\.js\"""")


def problems() -> str:
    """Returns the problems of the client's types, or an empty text."""
    output, made = _compiled()
    if not output and made != _kept():
        output = "client/types/ does not match the comments in client/; `make format` updates it\n"
    return output


def write() -> int:
    try:
        output, made = _compiled()
    except NoNode as missing:
        print(missing)
        return 1
    print(output, end="")
    for name in _kept().keys() - made.keys():
        (TYPES / name).unlink()
    for name, text in made.items():
        (TYPES / name).parent.mkdir(parents=True, exist_ok=True)
        (TYPES / name).write_text(text)
    return 1 if output else 0


def _compiled() -> tuple[str, dict[str, str]]:
    """Returns the compiler's output, and the declarations by their path below client/types/."""
    output = ""
    made: dict[str, str] = {}
    for project, entries in reversed(ENTRIES.items()):  # the complete types take precedence
        with tempfile.TemporaryDirectory() as directory:
            command = [str(node_tools() / ".bin" / "tsc"), "--project", project, "--noEmit", "false"]
            command += ["--declaration", "--emitDeclarationOnly", "--rootDir", ".", "--outDir", directory]
            result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
            output += result.stdout + result.stderr
            made |= dict(_reached(Path(directory, "client").resolve(), entries))
    return output, made


def _reached(directory: Path, entries: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields the declarations that an application can reach: the entries and everything that they import."""
    waiting = [directory / name for name in entries]
    seen = set()
    while waiting:
        path = waiting.pop().resolve()
        if path in seen or not path.exists():
            continue
        seen.add(path)
        text = path.read_text()
        waiting += [path.parent / f"{name}.d.ts" for name in _IMPORT.findall(text)]
        yield path.relative_to(directory).as_posix(), text


def _kept() -> dict[str, str]:
    return {path.relative_to(TYPES).as_posix(): path.read_text() for path in TYPES.rglob("*.d.ts")}


if __name__ == "__main__":
    sys.exit(write())
