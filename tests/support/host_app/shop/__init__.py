"""A small shop: customers, orders, a login, and a task that ships orders. It does not use Parley."""

from __future__ import annotations

import os
import time

import jwt
from flask import Flask, Response, jsonify, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from markupsafe import escape

db = SQLAlchemy()


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    """Has the same table name as Parley's users, in the shop's own database."""

    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True)
    full_name = db.Column(db.String, nullable=False)


class Order(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "orders"

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("users.id"), nullable=False)
    shipped = db.Column(db.Boolean, nullable=False, default=False)


def make_shop() -> Flask:
    shop = Flask(__name__)
    shop.config.update(SECRET_KEY=os.environ["SECRET_KEY"], SQLALCHEMY_DATABASE_URI=os.environ["SHOP_DATABASE"])
    db.init_app(shop)
    logins = LoginManager(shop)

    @logins.user_loader
    def load_user(user_id: str) -> User | None:
        found: User | None = db.session.get(User, int(user_id))
        return found

    @shop.get("/")
    def home() -> str:
        return "the shop"

    @shop.get("/help/<recipient>")
    @login_required
    def help_page(recipient: str) -> str:
        return (
            '<!doctype html><script type="module" src="/chat/client/widget.js"></script>'
            f'<parley-chat recipient="{escape(recipient)}" token-url="/chat-token"></parley-chat>'
        )

    @shop.post("/login")
    def login() -> Response:
        user = User(full_name=request.form["name"])
        db.session.add(user)
        db.session.commit()
        login_user(user)
        return jsonify(id=user.id)

    @shop.get("/chat-token")
    @login_required
    def chat_token() -> Response:
        now = int(time.time())
        claims = {
            "iss": "https://shop.example",
            "aud": "parley",
            "sub": str(current_user.id),
            "iat": now,
            "exp": now + 900,
            "name": current_user.full_name,
        }
        secret = os.environ["PARLEY_JWT_SHARED_SECRET"]
        return jsonify(accessToken=jwt.encode(claims, secret, algorithm="HS256"))

    @shop.post("/orders")
    @login_required
    def order() -> Response:
        from shop.jobs import ship

        made = Order(user_id=current_user.id)
        db.session.add(made)
        db.session.commit()
        ship.delay(made.id)
        return jsonify(id=made.id)

    @shop.get("/orders/<int:order_id>")
    @login_required
    def show(order_id: int) -> Response:
        return jsonify(shipped=db.session.get(Order, order_id).shipped)

    with shop.app_context():
        db.create_all()
    return shop
