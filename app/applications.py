"""The applications of this process. There is usually one; a host may mount several in an application of its own.

gunicorn's hooks and celeryconfig.py find them here, because they only see the host's application, or none.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from app.config import ConfigError, Settings

if TYPE_CHECKING:
    from flask import Flask

    from app.container import Container

_made: list[weakref.ref[Flask]] = []


def add_application(app: Flask) -> None:
    """Raises ConfigError if another application of the process has a different broker, because all of them share one
    connection.
    """
    broker = _container(app).settings.broker_url
    if _has_other_broker(broker):
        gc.collect()  # an application that is no longer used may still be in memory
        if _has_other_broker(broker):
            raise ConfigError("CELERY_BROKER_URL: this process has an application with another broker.")
    _made.append(weakref.ref(app))


def _has_other_broker(broker: str) -> bool:
    return any(container.settings.broker_url != broker for container in containers())


def containers() -> list[Container]:
    """Returns the container of each application, in the order in which they were made."""
    alive = [(ref, app) for ref in _made if (app := ref()) is not None]
    _made[:] = [ref for ref, _ in alive]
    return [_container(app) for _, app in alive]


def given_settings() -> Settings | None:
    """Returns the settings of the newest application; None in processes without one. They need not be in the
    environment.
    """
    found = containers()
    return found[-1].settings if found else None


def missing_dependencies() -> list[str]:
    """Returns what /readyz reports of all applications."""
    missing = [name for container in containers() for name in container.readiness.missing()]
    return list(dict.fromkeys(missing))


def _container(app: Flask) -> Container:
    container: Container = app.extensions["parley"]
    return container
