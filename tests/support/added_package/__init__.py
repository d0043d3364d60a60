"""A package that adds a push provider and a media storage, installed into a directory the way pip would do it."""

from __future__ import annotations

import shutil
from pathlib import Path

SOURCES = Path(__file__).parent
MODULES = ("parley_pager.py", "parley_rules.py", "parley_shelf.py", "parley_words.py")
ENTRY_POINTS = """\
[parley.push_providers]
pager = parley_pager:PAGER

[parley.media_storages]
shelf = parley_shelf:SHELF
"""


def install(directory: Path, entry_points: str = ENTRY_POINTS) -> Path:
    """Installs the package into ``directory``, which belongs on PYTHONPATH, and returns it."""
    metadata = directory / "parley_added-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parley-added\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    for name in MODULES:
        shutil.copyfile(SOURCES / name, directory / name)
    return directory
