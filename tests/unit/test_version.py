"""The version is defined once, in ``app/version.py``."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from app.api.documents.asyncapi import asyncapi
from app.api.documents.openapi import openapi
from app.version import __version__

ROOT = Path(__file__).parents[2]


def test_pyproject_reads_the_version_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "app.version.__version__"}


def test_documents_state_the_version():
    assert openapi()["info"]["version"] == __version__
    assert asyncapi()["info"]["version"] == __version__


def test_client_package_has_the_same_version():
    assert json.loads((ROOT / "client/package.json").read_text())["version"] == __version__


def test_changelog_has_a_section_for_the_version():
    release = __version__.removesuffix("-dev")
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == (f"Unreleased ({release})" if __version__ != release else release)
