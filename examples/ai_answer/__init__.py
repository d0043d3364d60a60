"""A chat with a language model, whose answers stream. Start it with `make ai-answer`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from flask import Blueprint, Flask, render_template, session
from parley_sdk.flask import ParleyExtension

from examples.ai_answer import model

ASSISTANT = "assistant"
parley = ParleyExtension()
pages = Blueprint("chat", __name__)


@dataclass
class Visitor:
    id: str


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_prefixed_env()
    parley.init_app(app)
    app.register_blueprint(pages)
    app.register_blueprint(model.blueprint)
    return app


@parley.current_user
def visitor() -> Visitor:
    """Returns the visitor of this browser. Nobody signs in here, so a cookie remembers a random id."""
    session.setdefault("visitor", f"visitor-{secrets.token_hex(4)}")
    return Visitor(session["visitor"])


@pages.get("/")
def home() -> str:
    """A page with the direct conversation between the visitor and the assistant."""
    parley.server.users.put(visitor().id, display_name="A visitor")
    parley.server.users.put(ASSISTANT, display_name="Assistant")
    return render_template("chat.html", assistant=ASSISTANT)
