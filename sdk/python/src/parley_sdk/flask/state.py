"""The part of the extension that each application has of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from flask import Flask, current_app
from sqlalchemy import Engine, Table, create_engine

from parley_sdk.before_send import Decide
from parley_sdk.outbox import BackgroundRelay, Relay
from parley_sdk.server import ParleyServer
from parley_sdk.webhook import Webhook

EXTENSION = "parley"
DEFAULTS: dict[str, Any] = {
    "PARLEY_URL": None,
    "PARLEY_KEY": None,
    "PARLEY_PUBLIC_URL": None,
    "PARLEY_WEBHOOK_SECRETS": (),
    "PARLEY_URL_PREFIX": "/parley",
    "PARLEY_OUTBOX_DATABASE_URL": None,
}


class Extension(Protocol):
    """The functions of the host that the routes call."""

    @property
    def decide(self) -> Decide | None: ...
    def signed_in_user(self) -> Any: ...
    def token_for(self, user: Any) -> str: ...


@dataclass
class State:
    extension: Extension
    server: ParleyServer
    webhook: Webhook | None
    public_url: str
    table: Table
    make_engine: Callable[[], Engine]

    @cached_property
    def relay(self) -> Relay:
        return Relay(self.table, self.make_engine(), self.server)

    @cached_property
    def background(self) -> BackgroundRelay:
        return BackgroundRelay(Relay(self.table, self.make_engine(), self.server))


def current_state() -> State:
    """Returns the state of the current application. Raises RuntimeError if it has none."""
    try:
        state: State = current_app.extensions[EXTENSION]
    except KeyError:
        raise RuntimeError("ParleyExtension.init_app(app) was not called for this application.") from None
    return state


def make_state(app: Flask, extension: Extension, table: Table, engine: Callable[[], Engine] | None) -> State:
    for name, value in DEFAULTS.items():
        app.config.setdefault(name, value)
    for name in ("PARLEY_URL", "PARLEY_KEY"):
        if not app.config[name]:
            raise RuntimeError(f"{name} is not set.")
    url: str = app.config["PARLEY_URL"]
    secrets = app.config["PARLEY_WEBHOOK_SECRETS"]
    try:
        server = ParleyServer(url, app.config["PARLEY_KEY"], **app.config.get("PARLEY_CLIENT_OPTIONS", {}))
        webhook = Webhook(secrets) if secrets else None
    except ValueError as error:
        raise RuntimeError(f"Parley's configuration is wrong: {error}") from None
    public_url: str = app.config["PARLEY_PUBLIC_URL"] or url
    return State(extension, server, webhook, public_url.rstrip("/"), table, engine or _default_engine)


def _default_engine() -> Engine:
    """Returns the engine of PARLEY_OUTBOX_DATABASE_URL or Flask-SQLAlchemy. Raises RuntimeError if there is neither."""
    url = current_app.config["PARLEY_OUTBOX_DATABASE_URL"]
    if url:
        return create_engine(url, pool_size=2, pool_pre_ping=True)
    if "sqlalchemy" in current_app.extensions:
        engine: Engine = current_app.extensions["sqlalchemy"].engine
        return engine
    raise RuntimeError("Set PARLEY_OUTBOX_DATABASE_URL, or pass engine= to ParleyExtension.")
