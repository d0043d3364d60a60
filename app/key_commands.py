"""``flask --app wsgi keys create|list|revoke|rotate``: the keys with which a host's servers call the server API."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.cli_errors import errors_in_one_line
from app.container import current_container
from app.core.server_keys import SCOPES, Scope
from app.core.times import rfc3339
from app.services.auth.server_keys import create_key, list_keys, revoke_key, rotate_key
from app.store.server_keys import StoredKey

keys = AppGroup("keys", help="Manage the keys of your servers (docs/server-api.md).")


@keys.command("create", help="Create a key and print it, once.")
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="Default: every scope.")
@errors_in_one_line()
def create(name: str, scopes: tuple[Scope, ...]) -> None:
    click.echo(create_key(name, scopes, engine=current_container().engine))


@keys.command("list", help="List all keys: name, scopes, and when each was created, used and revoked.")
def list_all() -> None:
    for key in list_keys(engine=current_container().engine):
        click.echo(_line(key))


@keys.command("revoke", help="Revoke a key for good. All processes refuse it within five seconds.")
@click.argument("name")
@errors_in_one_line()
def revoke(name: str) -> None:
    revoke_key(name, engine=current_container().engine)
    click.echo(f"{name} is revoked.")


@keys.command("rotate", help="Replace a key by a new one and print that, once. The old one is revoked.")
@click.argument("name")
@errors_in_one_line()
def rotate(name: str) -> None:
    click.echo(rotate_key(name, engine=current_container().engine))


def _line(key: StoredKey) -> str:
    used = "never used" if key.last_used_ms is None else f"used {rfc3339(key.last_used_ms)}"
    revoked = "" if key.revoked_ms is None else f"  revoked {rfc3339(key.revoked_ms)}"
    return f"{key.name}  {','.join(key.scopes)}  created {rfc3339(key.created_ms)}  {used}{revoked}"
