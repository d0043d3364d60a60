"""``flask --app wsgi shards``: shows the shards of the installation, and raises their number."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click
from flask.cli import with_appcontext
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.cli_errors import errors_in_one_line
from app.config import Settings
from app.config_checks import shard_problems
from app.container import current_container
from app.message_log.shards import Shards
from app.redis_addresses import without_login
from app.redis_connections import connect_shards, one_connection
from app.services.shards.drain_logs import drain_logs
from app.services.shards.look_at_shards import ShardLook, look_at
from app.services.shards.raise_shards import AddressOf, CannotRaiseError, StillRunningError, raise_shards, refuse
from app.store.engine import create_engine, reading
from app.store.shard_count import read_or_claim

STORE_SECONDS = 600.0  # for the statements that raise the number
DRAIN_STORE_SECONDS = 10.0
LOOK_SECONDS = 1.0
DRAIN_REDIS_SECONDS = 6.0  # a drain waits a second for records


@click.command("shards", help="Show the shards of this installation, or raise their number to NUMBER.")
@click.argument("number", type=int, required=False)
@click.option("--drain", is_flag=True, help="First store the records that wait in the logs.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="How many seconds to wait for processes that have just been stopped.",
)
@with_appcontext
@errors_in_one_line()
def shards(number: int | None, drain: bool, wait: float) -> None:
    """Safe to interrupt and to repeat. Stop web and worker processes before you raise the number."""
    settings = current_container().settings
    engine = create_engine(settings, timeout_seconds=STORE_SECONDS)
    try:
        present = read_or_claim(engine, settings.shards)
        if number is None:
            _show(settings, present)
        else:
            _raise(replace(settings, shards=number), engine, present, drain=drain, wait=wait)
    except CannotRaiseError as error:
        raise click.ClickException(f"{error} Nothing was changed.") from None
    except RedisError as error:
        raise click.ClickException(f"Redis failed ({type(error).__name__}). Run the command again.") from None
    finally:
        engine.dispose()


def _show(settings: Settings, present: int) -> None:
    click.echo(f"{present} shard{'s' if present > 1 else ''}")
    if settings.shards != present:
        click.echo(f"SHARDS is {settings.shards} here: the processes of this environment will not start.")
    with _connected(replace(settings, shards=present)) as found:
        for shard in found:
            click.echo(_line(look_at(shard), _address_of(settings)(shard.part.number)))


def _line(look: ShardLook, address: str) -> str:
    if not look.answers:
        return f"shard {look.number}: {address}, does not answer"
    epoch = "no epoch" if look.epoch is None else f"epoch {look.epoch}"
    drain = "drain running" if look.drains else "no drain running"
    return f"shard {look.number}: {address}, {epoch}, {look.records} records waiting, {drain}"


def _raise(settings: Settings, engine: Engine, present: int, *, drain: bool, wait: float) -> None:
    _check_number(settings, present)
    address_of = _address_of(settings)
    with _connected(settings) as found:
        if present < settings.shards:
            _wait_until_stopped(engine, found, present, address_of, wait)
            if drain:
                _drain(settings, found, present)
        before = raise_shards(engine, found, address_of)  # if the numbers are equal, this finishes an interrupted run
    if before == settings.shards:
        click.echo(f"The number of shards is already {before}.")
        return
    click.echo(f"The number of shards was {before} and is now {settings.shards}.")
    click.echo(f"Set SHARDS={settings.shards} in all processes, and start them.")


def _check_number(settings: Settings, present: int) -> None:
    if settings.shards < present:
        raise CannotRaiseError(f"The number of shards is {present}, and it cannot be lowered.")
    for problem in shard_problems(settings.shards, settings.redis_url, settings.redis_shard_urls):
        raise CannotRaiseError(problem)


def _wait_until_stopped(engine: Engine, found: Shards, present: int, address_of: AddressOf, seconds: float) -> None:
    """Killed processes can only be detected by the time of their last heartbeat. Raises CannotRaiseError."""
    end = time.monotonic() + seconds
    while True:
        try:
            with reading(engine) as conn:
                refuse(conn, found, present, address_of, logs=False)
            return
        except StillRunningError:
            if time.monotonic() >= end:
                raise
        time.sleep(LOOK_SECONDS)


def _drain(settings: Settings, found: Shards, present: int) -> None:
    engine = create_engine(settings, timeout_seconds=DRAIN_STORE_SECONDS)
    used = [found[number] for number in range(present)]
    try:
        stored = drain_logs(engine, used, lambda n: one_connection(settings, n, timeout_seconds=DRAIN_REDIS_SECONDS))
    finally:
        engine.dispose()
    click.echo(f"Records that were stored: {stored}")


@contextmanager
def _connected(settings: Settings) -> Iterator[Shards]:
    found = Shards(connect_shards(settings))
    try:
        yield found
    finally:
        found.close()


def _address_of(settings: Settings) -> AddressOf:
    return lambda number: without_login(settings.redis_url_of(number))
