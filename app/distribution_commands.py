"""``flask --app wsgi distribute-conversations``: moves conversations to the workers of a Citus cluster."""

from __future__ import annotations

import os

import click
from flask.cli import with_appcontext

from app.cli_errors import errors_in_one_line
from app.config_values import normalise_database_url
from app.container import current_container
from app.store.connections import APPLICATION_NAME
from app.store.distribute_conversations import DistributionError, distribute
from app.store.engine import autocommit, create_engine


@click.command("distribute-conversations", help="Distribute conversations over a Citus cluster, while nothing runs.")
@with_appcontext
@errors_in_one_line()
def distribute_conversations() -> None:
    """All or nothing. There is no way back except a backup."""
    current_container().engine.dispose()  # no connection of this process may hold up the command
    direct = normalise_database_url(os.environ.get("DATABASE_DIRECT_URL", ""))
    engine = create_engine(current_container().settings, url=direct)
    try:
        with autocommit(engine) as connection:
            connection.connection.driver_connection.answer_seconds = None  # type: ignore[union-attr]
            done = distribute(connection, APPLICATION_NAME)
    except DistributionError as error:
        raise click.ClickException(str(error)) from None
    finally:
        engine.dispose()
    click.echo("The conversations are distributed." if done else "The conversations are already distributed.")
