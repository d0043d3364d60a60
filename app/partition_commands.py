"""``flask --app wsgi partition-messages``: divides the largest table, for large deployments."""

from __future__ import annotations

import os

import click
from flask.cli import with_appcontext

from app.cli_errors import errors_in_one_line
from app.config_values import normalise_database_url
from app.container import current_container
from app.store.engine import autocommit, create_engine
from app.store.partition_messages import PartitionError
from app.store.partition_messages import partition_messages as partition

LEAST, MOST = 2, 256


@click.command("partition-messages", help="Divide the table messages into partitions while everything runs.")
@click.option("--partitions", type=int, default=16, show_default=True, help=f"How many, from {LEAST} to {MOST}.")
@with_appcontext
@errors_in_one_line()
def partition_messages(partitions: int) -> None:
    """Safe to interrupt and to repeat: it goes on where it stopped."""
    if not LEAST <= partitions <= MOST:
        raise click.ClickException(f"--partitions must be between {LEAST} and {MOST}.")
    direct = normalise_database_url(os.environ.get("DATABASE_DIRECT_URL", ""))
    engine = create_engine(current_container().settings, url=direct)
    try:
        with autocommit(engine) as connection:
            if not partition(connection, partitions, click.echo):
                click.echo("The table messages is already partitioned.")
    except PartitionError as error:
        raise click.ClickException(str(error)) from None
    finally:
        engine.dispose()
