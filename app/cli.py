"""Commands for whoever runs the deployment: ``flask --app wsgi admin grant <username>``, ``flask --app wsgi vapid``."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from app.container import current_container
from app.push.vapid import make_private_key, public_key_of
from app.store import users
from app.store.engine import writing

admin = AppGroup("admin", help="Who may read and handle reports.")


def install(app: Flask) -> None:
    app.cli.add_command(admin)
    app.cli.add_command(vapid)


@click.command("vapid", help="Make a key pair for Web Push.")
def vapid() -> None:
    """Printed and not kept: for the environment. A new key ends all subscriptions made with the one before."""
    private_key = make_private_key()
    click.echo(f"VAPID_PRIVATE_KEY={private_key}")
    click.echo(f"# the public key, as browsers are given it: {public_key_of(private_key)}")


@admin.command("grant", help="Make a user an administrator.")
@click.argument("username")
def grant(username: str) -> None:
    _set_admin(username, True)
    click.echo(f"{username} is an administrator.")


@admin.command("revoke", help="Make a user no administrator any more.")
@click.argument("username")
def revoke(username: str) -> None:
    _set_admin(username, False)
    click.echo(f"{username} is no administrator.")


def _set_admin(username: str, is_admin: bool) -> None:
    """Holds from the next request on. Exits with 1 where there is no such user."""
    with writing(current_container().engine) as connection:
        if not users.set_admin(connection, username, is_admin):
            raise click.ClickException(f"There is no user {username}.")
