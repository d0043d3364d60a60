"""Reports errors of the commands for operators: prints one line and exits with status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.core.errors import ParleyError


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Use it as a decorator: the command then exits with the message of a ParleyError instead of a traceback."""
    try:
        yield
    except ParleyError as error:
        raise click.ClickException(error.message) from None
