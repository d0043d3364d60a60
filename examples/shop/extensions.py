"""The extensions of the shop."""

from __future__ import annotations

from typing import Any

from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from parley_sdk.flask import ParleyExtension
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
login = LoginManager()
login.login_view = "shop.sign_in"
parley = ParleyExtension(metadata=Base.metadata)  # adds the table of the outbox to the shop's own


@parley.user_fields
def fields_of(user: Any) -> dict[str, Any]:
    """Returns the profile that the chat shows. Parley gets it again with each token."""
    return {"display_name": user.name}
