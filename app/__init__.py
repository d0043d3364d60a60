"""Parley: one-to-one and group chat over WebSocket, SSE and long-poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings | None = None, *, configure_logging: bool = True) -> Flask:
    """Returns the web application. Reads its settings from the environment if none are given.

    A host that mounts it (docs/how-to/mount-in-your-app.md) may keep its own logging by ``configure_logging=False``.
    Raises ConfigError if a setting is missing or unsafe. Opens no connection: stores are reached on first use.
    """
    # Imported here because ``import app.core`` must load neither Flask nor a database driver. gunicorn reads the
    # logging settings before it patches the worker.
    from app.factory import build_app  # noqa: PLC0415

    return build_app(settings, configure_logging=configure_logging)
