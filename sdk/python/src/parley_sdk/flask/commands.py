"""`flask parley relay`, `flask parley outbox` and `flask parley retry`."""

from __future__ import annotations

import signal
import threading
from uuid import UUID

import click
from flask.cli import with_appcontext

from parley_sdk.errors import ParleyError
from parley_sdk.flask.state import State, current_state
from parley_sdk.outbox import show_backlog, try_again


@click.group("parley")
def parley_group() -> None:
    """Parley's outbox."""


@parley_group.command()
@click.option("--once", is_flag=True, help="Send all messages that are due, and exit.")
@click.option("--every", default=1.0, show_default=True, help="Seconds between two checks of the outbox.")
@with_appcontext
def relay(once: bool, every: float) -> None:
    """Send the messages of the outbox to Parley until SIGTERM. Any number of relays may run."""
    relay = _state().relay
    if not once:
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        relay.run_forever(stop, every)
        return
    try:
        click.echo(f"{relay.run_until_empty()} sent or refused")
    except ParleyError as error:
        raise click.ClickException(str(error)) from None


@parley_group.command()
@with_appcontext
def outbox() -> None:
    """Show how many messages wait, and which ones Parley has refused."""
    state = _state()
    backlog = show_backlog(state.table, state.make_engine())
    since = f", the oldest since {backlog.oldest:%Y-%m-%d %H:%M:%S %Z}" if backlog.oldest else ""
    click.echo(f"{backlog.waiting} waiting{since}")
    for failed in backlog.failed:
        click.echo(f"{failed.id}  refused {failed.failed_at:%Y-%m-%d %H:%M:%S}: {failed.error}")


@parley_group.command()
@click.argument("ids", nargs=-1, type=click.UUID)
@with_appcontext
def retry(ids: tuple[UUID, ...]) -> None:
    """Send refused messages again: these IDS, or all."""
    state = _state()
    click.echo(f"{try_again(state.table, state.make_engine(), ids or None)} will be sent again")


def _state() -> State:
    try:
        return current_state()
    except RuntimeError:
        raise click.ClickException("ParleyExtension is not part of this application.") from None
