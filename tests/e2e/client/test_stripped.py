"""The page's scripts contain our modules without comments and otherwise unchanged."""

from __future__ import annotations

import json
from pathlib import Path

from app.web.assets import CLIENT, PAGE
from app.web.javascript import stripped
from tests.e2e.client.conftest import RunNode


def test_code_without_comments_has_the_same_syntax_tree(run_node: RunNode, tmp_path: Path) -> None:
    paths = [path for folder in (PAGE, CLIENT) for path in folder.rglob("*.js")]
    texts = [(path.name, path.read_text(), stripped(path.read_text())) for path in paths]
    (tmp_path / "modules.json").write_text(json.dumps(texts))
    run_node("stripped", str(tmp_path / "modules.json"))
