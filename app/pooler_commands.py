"""``flask --app wsgi pooler-settings``: settings of the Postgres role, for deployments behind a pooler."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.cli_errors import errors_in_one_line
from app.container import current_container
from app.store.connections import WORKER_SECONDS, drop_role_settings, give_role_settings, session_settings
from app.store.engine import writing

RECONNECT = (
    "The pooler's open server connections keep the former settings: make it open new ones (PgBouncer: RECONNECT)."
)


@click.command("pooler-settings", help="Give the role of DATABASE_URL the settings that a pooler does not pass on.")
@click.option("--workers", is_flag=True, help="Use the timeouts of workers, if only workers use this role.")
@click.option("--remove", is_flag=True, help="Remove these settings from the role.")
@with_appcontext
@errors_in_one_line()
def pooler_settings(workers: bool, remove: bool) -> None:
    """Changes the role only in this database. Safe to repeat."""
    container = current_container()
    seconds = WORKER_SECONDS if workers else container.settings.db_timeout_seconds
    plans = container.settings.db_plan_cache_mode
    with writing(container.engine) as conn:
        if remove:
            drop_role_settings(conn)
        else:
            give_role_settings(conn, seconds, plans)
    for name, value in session_settings(seconds, plans).items():
        click.echo(f"{name} is removed" if remove else f"{name} = {value}")
    click.echo(RECONNECT)
