"""The names that bench and dev import from the application exist, even those imported inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [path for folder in ("bench", "dev") for path in (ROOT / folder).rglob("*.py") if "peers" not in path.parts]


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yields each name that the file imports from the application, with its module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("app", "tasks"):
            yield from ((node.module, alias.name) for alias in node.names)


def attributes(path: Path) -> Iterator[tuple[str, str]]:
    """Yields each attribute that the file reads from an imported module of the application, with that module."""
    tree = ast.parse(path.read_text())
    modules = {name: f"{module}.{name}" for module, name in imported(path) if is_module(f"{module}.{name}")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_imported_from_the_application_exist(path: Path):
    for module, name in imported(path):
        if not hasattr(import_module(module), name):
            import_module(f"{module}.{name}")
    for module, name in attributes(path):
        assert hasattr(import_module(module), name), f"{module}.{name}"
