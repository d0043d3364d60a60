"""Commands for operators: ``flask --app wsgi admin grant <username>``, ``flask --app wsgi vapid``.
``audit`` is in audit_commands.py, ``clean-names`` in name_commands.py, ``dead-letters`` in dead_letter_commands.py,
``distribute-conversations`` in distribution_commands.py, ``keys`` in key_commands.py,
``partition-messages`` in partition_commands.py, ``pooler-settings`` in pooler_commands.py,
``shards`` in shard_commands.py.
"""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from app.audit_commands import audit
from app.cli_errors import errors_in_one_line
from app.container import current_container
from app.dead_letter_commands import dead_letters
from app.distribution_commands import distribute_conversations
from app.key_commands import keys
from app.name_commands import clean_names
from app.partition_commands import partition_messages
from app.pooler_commands import pooler_settings
from app.push.vapid import make_private_key, public_key_of
from app.services.audit.record import record
from app.services.messaging.call_before_send import before_send_secret
from app.shard_commands import shards
from app.store import users
from app.store.engine import writing
from app.user_commands import users as users_commands

admin = AppGroup("admin", help="Manage administrators, who read and decide reports.")


def install(app: Flask) -> None:
    app.cli.add_command(admin)
    app.cli.add_command(audit)
    app.cli.add_command(clean_names)
    app.cli.add_command(dead_letters)
    app.cli.add_command(keys)
    app.cli.add_command(distribute_conversations)
    app.cli.add_command(partition_messages)
    app.cli.add_command(pooler_settings)
    app.cli.add_command(shards)
    app.cli.add_command(users_commands)
    app.cli.add_command(vapid)
    app.cli.add_command(show_before_send_secret)


@click.command("before-send-secret", help="Print the secret that signs requests to BEFORE_SEND_URL.")
def show_before_send_secret() -> None:
    click.echo(before_send_secret(current_container().settings))


@click.command("vapid", help="Create a key pair for Web Push and print it.")
def vapid() -> None:
    """Prints the keys for the environment and stores nothing. A new key invalidates all subscriptions made with the
    previous one.
    """
    private_key = make_private_key()
    click.echo(f"VAPID_PRIVATE_KEY={private_key}")
    click.echo(f"# The public key, in the form that browsers get: {public_key_of(private_key)}")


@admin.command("grant", help="Make a user an administrator.")
@click.argument("username")
@errors_in_one_line()
def grant(username: str) -> None:
    _set_admin(username, True)
    click.echo(f"{username} is now an administrator.")


@admin.command("revoke", help="Remove a user from the administrators.")
@click.argument("username")
@errors_in_one_line()
def revoke(username: str) -> None:
    _set_admin(username, False)
    click.echo(f"{username} is no longer an administrator.")


def _set_admin(username: str, is_admin: bool) -> None:
    """Takes effect with the next request. Exits with status 1 if there is no such user."""
    with writing(current_container().engine) as connection:
        user_id = users.set_admin(connection, username, is_admin)
        if user_id is None:
            raise click.ClickException(f"There is no user {username}.")
        record(connection, "admin.granted" if is_admin else "admin.revoked", target_id=user_id)
