"""Creates two demo users in development: ``python -m dev.demo_users`` prints "name id" lines."""

from __future__ import annotations

import sys

from app.bootstrap import build_container
from app.config import CONFIG_EXIT_STATUS, ConfigError, read_settings
from app.container import Container
from app.core.accounts import Register
from app.core.errors import Conflict
from app.services.auth.register_user import register_user
from app.store import users
from app.store.engine import reading
from dev.banner import NAMES, PASSWORD


def main() -> int:
    try:
        settings = read_settings()
    except ConfigError as error:
        print(error.report(), file=sys.stderr)
        return CONFIG_EXIT_STATUS
    if settings.production:
        print("parley: demo users are for development only.", file=sys.stderr)
        return CONFIG_EXIT_STATUS
    container = build_container(settings)
    for name in NAMES:
        print(name, ensure(container, name))
    container.close()
    return 0


def ensure(container: Container, name: str) -> int:
    """Returns the id of the user and creates the user if needed. An existing user keeps their password."""
    try:
        made = register_user(
            Register(username=name, password=PASSWORD, display_name=name.title()),
            engine=container.engine,
            passwords=container.passwords,
            sessions=container.auth_sessions,
            presence_visible=container.settings.presence_visible,
        )
        return made.user.id
    except Conflict:
        with reading(container.engine) as connection:
            user = users.find_user_by_username(connection, name)
    if user is None:
        raise LookupError(f"the name {name} is taken, but the user does not exist")
    return user.id


if __name__ == "__main__":
    sys.exit(main())
