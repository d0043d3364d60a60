"""The shop's own tables."""

from __future__ import annotations

from flask_login import UserMixin
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from examples.shop.extensions import Base, db, login

SELLER = "seller"
ASSISTANT = "assistant"
PEOPLE = {"ann": "Ann Archer", SELLER: "Sam from the shop", ASSISTANT: "The shop's assistant"}
CONVERSATION = "order-"
ITEMS = ("Teapot", "Two cups", "Green tea")


class User(UserMixin, Base):  # type: ignore[misc]
    __tablename__ = "shop_users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    __tablename__ = "shop_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]
    status: Mapped[str] = mapped_column(default="ordered")
    customer_id: Mapped[str] = mapped_column(ForeignKey(User.id))
    customer: Mapped[User] = relationship()

    @property
    def conversation(self) -> str:
        """The id of the order's conversation, chosen by the shop."""
        return f"{CONVERSATION}{self.id}"

    @classmethod
    def of_conversation(cls, conversation: str) -> Order | None:
        """Returns the order with this conversation, or None if it is not the conversation of an order."""
        prefix, _, number = conversation.rpartition(CONVERSATION)
        return db.session.get(cls, int(number)) if not prefix and number.isdecimal() else None


@login.user_loader  # type: ignore[untyped-decorator]
def load_user(user_id: str) -> User | None:
    return db.session.get(User, user_id)


def make_people() -> None:
    """Creates the people of the shop that are missing."""
    known = set(db.session.scalars(select(User.id)))
    db.session.add_all(User(id=id_, name=name) for id_, name in PEOPLE.items() if id_ not in known)
    db.session.commit()
