"""A shop with a chat on each order's page. Start it with `make shop`; README.md explains how it works."""

from __future__ import annotations

from flask import Flask

from examples.shop import assistant, views
from examples.shop.extensions import db, login, parley
from examples.shop.models import make_people


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_prefixed_env()  # FLASK_PARLEY_URL is the setting PARLEY_URL, and so on
    db.init_app(app)
    login.init_app(app)
    parley.init_app(app)
    app.register_blueprint(views.blueprint)
    assistant.listen(app)
    with app.app_context():
        db.create_all()
        make_people()
    return app
