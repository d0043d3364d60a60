"""Counts the steps and outcomes of uploads in a web process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from app.core.errors import ParleyError

Way = Literal["form", "direct"]


@contextmanager
def counting_upload(counters: Counter[str], way: Way, *, begins: bool, ends: bool) -> Iterator[None]:
    """Counts a step of an upload as "upload:<way>:<outcome>".

    The outcome is ``begun``, ``finished``, the code of the error that refused the upload, or ``broken`` if the client
    went away or this process is shutting down.
    """

    def count(outcome: str) -> None:
        counters[f"upload:{way}:{outcome}"] += 1

    if begins:
        count("begun")
    try:
        yield
    except ParleyError as error:
        count(error.code)
        raise
    except BaseException:  # GreenletExit and SystemExit are no Exception
        count("broken")
        raise
    if ends:
        count("finished")
