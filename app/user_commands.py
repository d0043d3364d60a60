"""``flask --app wsgi users suspend|unsuspend``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.container import current_container
from app.core.accounts import SuspendUser
from app.core.errors import ParleyError
from app.store import users as store
from app.store.engine import reading

users = AppGroup("users", help="Suspend users.")


@users.command("suspend", help="Refuse a user's sign-ins and tokens, and end all sessions.")
@click.argument("username")
@click.option("--until", help="A date or an RFC 3339 time. Without it, until unsuspended.")
@click.option("--reason", help="The user sees it when signing in.")
def suspend(username: str, until: str | None, reason: str | None) -> None:
    user_id = user_named(username)
    try:
        current_container().suspensions.suspend(user_id, SuspendUser(until, reason))
    except ParleyError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"{username} is suspended.")


@users.command("unsuspend", help="End the suspension of a user.")
@click.argument("username")
def unsuspend(username: str) -> None:
    current_container().suspensions.lift(user_named(username))
    click.echo(f"{username} is not suspended.")


def user_named(username: str) -> int:
    """Returns the user's id. Exits with status 1 if there is no such user."""
    with reading(current_container().engine) as connection:
        user = store.find_user_by_username(connection, username)
    if user is None:
        raise click.ClickException(f"There is no user {username}.")
    return user.id
