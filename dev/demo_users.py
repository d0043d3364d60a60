"""Two people to try the server with, in development: ``python -m dev.demo_users`` prints "name id" lines."""

from __future__ import annotations

import sys

from app import create_app
from app.config import ConfigError, Settings
from app.container import Container
from app.core.accounts import Register
from app.core.errors import Conflict
from app.services.auth.register_user import register_user
from app.store import users
from app.store.engine import reading
from dev.banner import NAMES, PASSWORD


def main() -> int:
    try:
        settings = Settings.from_env()
    except ConfigError as error:
        print(f"parley: {error}", file=sys.stderr)
        return 3
    if settings.production:
        print("parley: demo users are not for production.", file=sys.stderr)
        return 3
    app = create_app(settings)
    parley: Container = app.extensions["parley"]
    # An account is made signed in, and what makes its tokens reads its settings from the application.
    with app.app_context():
        for name in NAMES:
            print(name, ensure(parley, name))
    parley.close()
    return 0


def ensure(parley: Container, name: str) -> int:
    """The id of the user, made if it is not there; an existing one keeps its password."""
    try:
        return register_user(parley, Register(username=name, password=PASSWORD, display_name=name.title())).user.id
    except Conflict:
        with reading(parley.engine) as connection:
            user = users.find_user_by_username(connection, name)
    if user is None:
        raise LookupError(f"{name} is taken, and not there")
    return user.id


if __name__ == "__main__":
    sys.exit(main())
