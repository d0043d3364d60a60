"""Builds and connects the parts of a process. Only entry points import it.

A container imports most of the application. So its module is imported only in the process that needs it: a worker, for
example, signs nobody in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config import Settings
    from app.container import Container
    from app.worker_container import WorkerContainer


def build_container(settings: Settings) -> Container:
    """Builds what the command line needs. Opens no connection yet."""
    from app.bootstrap.build import build_container as build  # noqa: PLC0415 - see above

    return build(settings)


def build_web_container(settings: Settings) -> Container:
    """Builds the container of a web process, with its gateway."""
    from app.bootstrap.build import build_web_container as build  # noqa: PLC0415 - see above

    return build(settings)


def build_worker_container(settings: Settings) -> WorkerContainer:
    """Builds what tasks need. Opens no connection yet."""
    from app.bootstrap.worker import build_worker_container as build  # noqa: PLC0415 - see above

    return build(settings)
