"""The Flask application of a host, for ``flask --app tests.sdk.shop_app parley …``. Its settings are in SHOP_…."""

from __future__ import annotations

from flask import Flask
from parley_sdk.flask import ParleyExtension

from tests.sdk.host_database import Base


def create_app() -> Flask:
    app = Flask("shop")
    app.config.from_prefixed_env("SHOP")
    app.config["PARLEY_CLIENT_OPTIONS"] = {"trust_env": False}
    metadata = type(Base.metadata)()  # Base's metadata already has the table of the outbox
    ParleyExtension(app, metadata=metadata)
    return app
