"""A support chat: a bot answers visitors, and calls a colleague if they wish. Start it with `make support-bot`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, jsonify, render_template, session
from parley_sdk.flask import ParleyExtension

from examples.support_bot import bot

parley = ParleyExtension()
pages = Blueprint("support", __name__)


@dataclass
class Person:
    id: str
    name: str


BOT = Person("bot", "Support bot")
COLLEAGUE = Person("colleague", "Cleo from support")


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_prefixed_env()
    parley.init_app(app)
    app.register_blueprint(pages)
    bot.listen(app, parley, BOT.id, COLLEAGUE.id)
    return app


@parley.current_user
def visitor() -> Person:
    """Returns the visitor of this browser. Nobody signs in here, so a cookie remembers a random id."""
    session.setdefault("visitor", f"visitor-{secrets.token_hex(4)}")
    return Person(session["visitor"], "A visitor")


@parley.user_fields
def fields_of(person: Person) -> dict[str, Any]:
    return {"display_name": person.name}


@pages.get("/")
def home() -> str:
    """The page of a visitor, with a conversation of their own."""
    people = [visitor(), BOT, COLLEAGUE]
    parley.server.users.put_many([{"externalId": one.id, "displayName": one.name} for one in people])
    conversation = f"support-{people[0].id}"
    parley.server.conversations.put(conversation, name="Support", history="all", members=[people[0].id, BOT.id])
    return render_template("visitor.html", conversation=conversation)


@pages.get("/desk")
def desk() -> str:
    """The page of the colleague: all conversations to which the bot has called her."""
    return render_template("desk.html")


@pages.get("/desk/token")
def desk_token() -> Any:
    """Anybody gets this token, because this is an example. Your own check of who works at the desk goes here."""
    return jsonify(accessToken=parley.token_for(COLLEAGUE))
