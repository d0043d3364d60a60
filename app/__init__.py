"""Parley: one-to-one and group chat over WebSocket, SSE and long-poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings

# The one definition: pyproject.toml, the OpenAPI and AsyncAPI documents and client/package.json follow it.
__version__ = "0.2.0-dev"


def create_app(settings: Settings | None = None) -> Flask:
    """The web application. Settings come from the environment where none are given.

    Raises ConfigError where a setting is missing or unsafe. Opens no connection: stores are reached on first
    use.
    """
    # Imported late: ``import app.core`` and the logging settings that gunicorn reads before the worker is
    # patched must pull in neither Flask nor a database driver.
    from app.factory import build_app  # noqa: PLC0415

    return build_app(settings)
