"""Checks texts and styles of page and widget: catalogues are complete, and styles work in both directions of writing.

``python -m dev.page_texts LANGUAGE`` prints the texts that the catalogues of this language lack.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from dev.node import TOOLS, node, node_tools

_ROOT = Path(__file__).parents[1]
_PAGE = _ROOT / "app" / "web" / "static" / "page"
_WIDGET = _ROOT / "client" / "widget"
_SHARED = _ROOT / "client" / "ui"
_PHYSICAL = re.compile(
    r"(?<![\w-])(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)[\w-]*|border-(?:top|bottom)-(?:left|right)-radius"
    r"|left|right|(?:float|clear|text-align):\s*(?:left|right))(?=\s*[:;}])"
)
_FOUR_SIDES = re.compile(
    r"(?<![\w-])(?:padding|margin|inset|border-width):\s*([^\s;}]+)\s+([^\s;}]+)\s+([^\s;}]+)\s+([^\s;}]+)\s*[;}]"
)
_WORDS = re.compile(r'content:\s*"[^"]*[^\W\d_]')


def problems() -> str:
    """Returns the problems, one a line; empty if there are none. Raises NoNode."""
    return "\n".join([*_run().splitlines(), *_wrong_styles()])


def _run(*arguments: str) -> str:
    node_tools()
    command = [node(), str(TOOLS / "check_texts.mjs"), str(_SHARED), str(_PAGE), str(_WIDGET), *arguments]
    result = subprocess.run(command, cwd=_ROOT, check=False, capture_output=True, text=True)
    return result.stdout + result.stderr


def _wrong_styles() -> list[str]:
    """Lists the styles that name the left or the right side, which is wrong where people write from right to left, and
    the words in styles, which have no translation.
    """
    found = []
    for path in [*sorted((_PAGE / "css").glob("*.css")), _WIDGET / "styles.js"]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            sides = [match[0] for match in _PHYSICAL.finditer(line)]
            sides += [match[0] for match in _FOUR_SIDES.finditer(line) if match[2] != match[4]]
            wrong = [f"`{side}` names a side; use inline-start and inline-end" for side in sides]
            wrong += [f'`{match[0]}…"` is not translated; use attr()' for match in _WORDS.finditer(line)]
            found += [f"{path.relative_to(_ROOT)}:{number}: {problem}" for problem in wrong]
    return found


if __name__ == "__main__":
    print(_run(*sys.argv[1:]), end="")
