"""The shop's pages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import current_user, login_required, login_user, logout_user
from sqlalchemy import select

from examples.shop.extensions import db, parley
from examples.shop.models import ASSISTANT, ITEMS, PEOPLE, SELLER, Order, User

blueprint = Blueprint("shop", __name__)


@blueprint.get("/sign-in")
def sign_in() -> str:
    return render_template("sign_in.html", people={id_: name for id_, name in PEOPLE.items() if id_ != ASSISTANT})


@blueprint.post("/sign-in")
def begin() -> Any:
    """Signs in without a password, because this is an example. Your own sign-in goes here."""
    login_user(db.session.get(User, request.form["user"]) or abort(404))
    return redirect(url_for("shop.orders"))


@blueprint.post("/sign-out")
def end() -> Any:
    logout_user()
    return redirect(url_for("shop.sign_in"))


@blueprint.get("/")
@login_required  # type: ignore[untyped-decorator]
def orders() -> str:
    wanted = select(Order).order_by(Order.id.desc())
    if current_user.id != SELLER:
        wanted = wanted.where(Order.customer_id == current_user.id)
    return render_template("orders.html", orders=db.session.scalars(wanted).all(), items=ITEMS)


@blueprint.post("/orders")
@login_required  # type: ignore[untyped-decorator]
def order() -> Any:
    """Stores the order and its first message in one transaction: both are there, or neither."""
    item = request.form["item"]
    if item not in ITEMS:
        abort(400)
    made = Order(item=item, customer_id=current_user.id)
    db.session.add(made)
    db.session.flush()  # gives the order its id
    _open_conversation(made)
    parley.outbox(db.session).send(f"Thank you for your order: {item}.", conversation=made.conversation)
    db.session.commit()
    return redirect(url_for("shop.show", order_id=made.id))


@blueprint.get("/orders/<int:order_id>")
@login_required  # type: ignore[untyped-decorator]
def show(order_id: int) -> str:
    return render_template("order.html", order=_order(order_id), seller=current_user.id == SELLER)


@blueprint.post("/orders/<int:order_id>/ship")
@login_required  # type: ignore[untyped-decorator]
def ship(order_id: int) -> Any:
    if current_user.id != SELLER:
        abort(403)
    shipped = _order(order_id)
    if shipped.status == "ordered":
        shipped.status = "on its way"
        parley.outbox(db.session).send(f"{shipped.item}: on its way to you.", conversation=shipped.conversation)
    db.session.commit()
    return redirect(url_for("shop.show", order_id=order_id))


def _order(order_id: int) -> Order:
    found = db.session.get(Order, order_id)
    if found is None or current_user.id not in (SELLER, found.customer_id):
        abort(404)
    return found


def _open_conversation(order: Order) -> None:
    """Creates the conversation. Safe to repeat; if the order is rolled back afterwards, it stays empty."""
    members = [order.customer_id, SELLER, ASSISTANT]
    people = db.session.scalars(select(User).where(User.id.in_(members)))
    parley.server.users.put_many([{"externalId": user.id, "displayName": user.name} for user in people])
    name = f"Order {order.id}: {order.item}"
    parley.server.conversations.put(order.conversation, name=name, members=members)
