"""``flask --app wsgi clean-names``."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.cli_errors import errors_in_one_line
from app.container import current_container
from app.services.accounts.clean_names import clean_names as clean


@click.command("clean-names", help="Remove invisible characters from names of users, groups and files.")
@with_appcontext
@errors_in_one_line()
def clean_names() -> None:
    """Needed for names that were stored by a version that did not refuse such characters. Safe to repeat."""
    container = current_container()
    done = clean(engine=container.engine, redis=container.redis)
    click.echo(f"Cleaned names: {done.users} of users, {done.groups} of groups, {done.files} of files.")
