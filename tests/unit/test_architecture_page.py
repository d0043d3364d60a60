"""docs/architecture.md draws the imports between the packages of app/services, and there is no cycle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "app/services"
PACKAGES = {path.parent.name for path in SERVICES.glob("*/__init__.py")}


def drawn() -> tuple[set[tuple[str, str]], set[str]]:
    """Returns the arrows and the packages of the picture of the services."""
    pictures = re.findall(r"```mermaid\n(.*?)```", (ROOT / "docs/architecture.md").read_text(), re.DOTALL)
    (picture,) = [picture for picture in pictures if "messaging --> reading" in picture]
    arrows = set(re.findall(r"^ +(\w+) --> (\w+)$", picture, re.MULTILINE))
    return arrows, set(re.findall(r"^ +(\w+)", picture, re.MULTILINE)) | {to for _, to in arrows}


def imports() -> Iterator[tuple[str, str]]:
    """Yields the importing and the imported package, including imports under TYPE_CHECKING and inside functions."""
    for path in SERVICES.glob("*/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.services."):
                other = (node.module or "").split(".")[2]
                if other in PACKAGES and other != path.parent.name:
                    yield path.parent.name, other


def test_picture_shows_every_package_of_services():
    assert drawn()[1] == PACKAGES


def test_services_import_each_other_along_the_drawn_arrows():
    assert set(imports()) == drawn()[0]


def test_drawn_arrows_have_no_cycle():
    graph: dict[str, set[str]] = {}
    for package, other in drawn()[0]:
        graph.setdefault(package, set()).add(other)
    assert list(TopologicalSorter(graph).static_order())
