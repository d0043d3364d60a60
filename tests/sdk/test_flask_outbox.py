"""The Flask extension and the outbox: sending right after the commit, the commands, and the sweep by Celery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from parley_sdk.flask import ParleyExtension

from tests.sdk.stand_in import StandIn
from tests.support.patience import PATIENCE


@dataclass
class Shop:
    app: Flask
    db: SQLAlchemy
    parley: ParleyExtension
    stand_in: StandIn

    def order(self, message: str, *, commit: bool = True) -> None:
        with self.app.app_context():
            self.parley.outbox(self.db.session).send(message, conversation="order-1")
            if commit:
                self.db.session.commit()
            self.db.session.remove()

    def run(self, *command: str) -> str:
        result = self.app.test_cli_runner().invoke(args=["parley", *command])
        assert result.exit_code == 0, result.output
        return str(result.output)


@pytest.fixture
def shop(empty_database_url: str, stand_in: StandIn) -> Iterator[Shop]:
    app = Flask("shop")
    app.config.update(PARLEY_URL=stand_in.base_url, PARLEY_KEY="psk_test", PARLEY_CLIENT_OPTIONS={"trust_env": False})
    app.config["SQLALCHEMY_DATABASE_URI"] = empty_database_url
    db = SQLAlchemy(app)
    parley = ParleyExtension(app, metadata=db.metadata)
    with app.app_context():
        db.drop_all()
        db.create_all()
    yield Shop(app, db, parley, stand_in)
    with app.app_context():
        app.extensions["parley"].background.stop(PATIENCE)
        parley.server.close()
        db.engine.dispose()


def test_committed_messages_are_sent_in_the_background(shop: Shop):
    shop.order("never", commit=False)
    shop.order("one")
    shop.stand_in.wait_for(lambda: shop.stand_in.texts == ["one"])


def test_the_relay_command_sends_what_is_left(shop: Shop):
    shop.parley.on_commit(lambda: None)
    shop.order("one")
    shop.order("two")
    assert shop.run("outbox").startswith("2 waiting, the oldest since")
    assert shop.run("relay", "--once") == "2 sent or refused\n"
    assert (shop.stand_in.texts, shop.run("outbox")) == (["one", "two"], "0 waiting\n")


def test_refused_messages_are_shown_and_tried_again(shop: Shop):
    shop.parley.on_commit(lambda: None)
    shop.stand_in.answer = lambda _: {"status": 404, "code": "not_found"}
    shop.order("one")
    shop.run("relay", "--once")
    listed = shop.run("outbox").splitlines()
    assert listed[0] == "0 waiting"
    assert "404 not_found" in listed[1]
    shop.stand_in.answer = lambda _: None
    assert shop.run("retry", listed[1].split()[0]) == "1 will be sent again\n"
    shop.run("relay", "--once")
    assert shop.stand_in.texts == ["one"]


def test_the_relay_command_says_why_it_failed(shop: Shop):
    shop.parley.on_commit(lambda: None)
    shop.order("one")
    shop.stand_in.shutdown()
    shop.stand_in.server_close()
    with shop.app.app_context():
        shop.parley.server._retry = type(shop.parley.server._retry)(attempts=1)
    result = shop.app.test_cli_runner().invoke(args=["parley", "relay", "--once"])
    assert (result.exit_code, "ConnectError" in result.output) == (1, True)


def test_commands_need_the_extension():
    from parley_sdk.flask.commands import parley_group

    app = Flask("other")
    result = app.test_cli_runner().invoke(parley_group, ["outbox"])
    assert (result.exit_code, "not part of this application" in result.output) == (1, True)


def test_celery_sweeps(shop: Shop):
    from celery import Celery
    from parley_sdk.celery import add_relay_task

    shop.parley.on_commit(lambda: None)
    celery = Celery("shop", broker="memory://")

    def make_relay() -> Any:
        with shop.app.app_context():
            return shop.parley.relay

    task = add_relay_task(celery, make_relay, every=30)
    shop.order("one")
    task.apply(throw=True)
    assert shop.stand_in.texts == ["one"]
    assert celery.conf.beat_schedule["parley_sdk.relay"]["schedule"] == 30
    assert "parley_sdk.relay" in celery.tasks
