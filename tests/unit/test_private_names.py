"""The page of upgrades lists every private name of a library that the code uses.

tests/unit/test_private_attributes.py has a test of each.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/upgrade-a-dependency.md").read_text()
OURS = ("app", "tasks", "dev", "bench", "migrations")


def private_names(tree: ast.AST) -> Iterator[str]:
    """Yields the private names that a file reaches through another object or imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        ):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(OURS):
            yield from (node.module.rpartition(".")[2], *(name.name for name in node.names))


def defined_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            yield node.attr


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def test_page_lists_every_private_name_of_a_library():
    files = [ROOT / "wsgi.py", ROOT / "gunicorn.conf.py", ROOT / "celeryconfig.py"]
    files += [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in files]
    ours = {name for tree in trees for name in defined_names(tree)} | {"_replace", "_asdict", "_exit"}
    used = {name for tree in trees for name in private_names(tree) if re.fullmatch(r"_[a-z]\w*", name)} - ours
    assert {name for name in used if name not in PAGE} == set()
