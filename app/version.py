"""The version of Parley."""

from __future__ import annotations

# Defined only here: pyproject.toml, the OpenAPI and AsyncAPI documents, client/package.json and sdk/python follow it.
__version__ = "0.2.0-dev"
